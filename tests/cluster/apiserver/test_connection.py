"""Connections over real sockets: what is answered whole, what is not, and in which order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from random import Random
from typing import cast

import pytest
import uvloop

from cluster.apiserver.asgi import Answer, Receive, Scope, Send, send_answer
from cluster.apiserver.assembly import Assembly, ServerConfig, assemble
from cluster.apiserver.connection import Connection
from cluster.apiserver.fanout.transport import EXTENSION
from cluster.apiserver.listener import bind, listen
from cluster.client.asgi import Application
from serialization.codecs.registry import CODECS
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions
from tests.cluster.apiserver.kinds import CONFIG_MAPS_PATH, PODS_PATH, PROTOBUF, config_map, pod

FIELDS = "host: x\r\ncontent-type: application/json\r\n"


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    """Serve on a free port of the loopback while entered."""
    async with serving(asyncio.Queue()) as (_server, port):
        yield port


def telling(app: Application, ended: asyncio.Queue[str]) -> Application:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        finally:
            ended.put_nowait(scope["method"])

    return serve


@asynccontextmanager
async def serving(ended: asyncio.Queue[str]) -> AsyncIterator[tuple[Assembly, int]]:
    """The same, and show the server; ``ended`` takes the methods of requests that are over."""
    config, clock = ServerConfig(CODECS["protobuf"]), SystemClock()
    sock = bind("127.0.0.1", 0)
    async with (
        STORES["memory"].make(StoreOptions(clock=clock)) as store,
        assemble(store, config, clock, Random(1)) as server,
        listen(telling(server.app, ended), sock, end_watches=server.fanout.shut_down),
    ):
        yield server, sock.getsockname()[1]


def run(main: Callable[[], Coroutine[object, object, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(main(), 20))


def raw(method: str, path: str, body: object = None, more: str = "") -> bytes:
    content = json.dumps(body).encode() if body is not None else b""
    head = f"{method} {path} HTTP/1.1\r\n{FIELDS}{more}content-length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one answer: its code, its headers, its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.splitlines()[:-1]
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status[9:12]), headers, await reader.readexactly(int(headers["content-length"]))


def test_requests_that_come_together_are_answered_in_their_order() -> None:
    async def main() -> None:
        async with listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            names = [f"m{index}" for index in range(20)]
            writer.write(
                b"".join(
                    raw("POST", CONFIG_MAPS_PATH, config_map(name))
                    + raw("GET", f"{CONFIG_MAPS_PATH}/{name}")
                    + raw("GET", f"{CONFIG_MAPS_PATH}/{name}-none")
                    for name in names
                )
            )
            codes = [(await answer(reader))[0] for _ in range(3 * len(names))]
            writer.close()

            assert codes == [201, 200, 404] * len(names)

    run(main)


def test_body_that_comes_in_pieces_is_read_whole() -> None:
    async def main() -> None:
        async with listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            request = raw("POST", PODS_PATH, pod())
            for at in range(0, len(request), 101):
                writer.write(request[at : at + 101])
                await writer.drain()
                await asyncio.sleep(0)
            code, _headers, body = await answer(reader)
            writer.close()

            assert code == 201
            assert json.loads(body)["metadata"]["name"] == "a"

    run(main)


@pytest.mark.parametrize("path", [f"{CONFIG_MAPS_PATH}/a", "/readyz", "/no/such/path"])
def test_connection_that_is_to_close_says_so_and_closes(path: str) -> None:
    async def main() -> None:
        async with listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw("GET", path, more="connection: close\r\n"))
            _code, headers, _body = await answer(reader)
            rest = await reader.read()
            writer.close()

            assert headers["connection"] == "close"
            assert rest == b""

    run(main)


def test_head_has_no_body_and_the_connection_goes_on() -> None:
    async def main() -> None:
        async with listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw("HEAD", f"{CONFIG_MAPS_PATH}/a"))
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(raw("GET", "/readyz"))
            code, _headers, body = await answer(reader)
            writer.close()

            assert head.startswith(b"HTTP/1.1 405 ")
            assert (code, body) == (200, b"ok")

    run(main)


def test_answers_carry_the_same_headers_whole_or_in_events() -> None:
    async def main() -> None:
        async with listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw("GET", f"{CONFIG_MAPS_PATH}/a"))
            _code, whole, told = await answer(reader)
            writer.write(raw("GET", f"{CONFIG_MAPS_PATH}/a", more="connection: close\r\n"))
            _code, events, told_again = await answer(reader)
            writer.close()

            assert events.pop("connection") == "close"
            assert events.keys() == whole.keys()
            assert {**events, "date": whole["date"]} == whole
            assert told == told_again

    run(main)


def test_answer_in_yaml_is_not_sent_past_its_writer() -> None:
    async def main() -> None:
        async with listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            more = "accept: application/yaml\r\n"
            writer.write(raw("POST", CONFIG_MAPS_PATH, config_map("a"), more=more))
            code, headers, body = await answer(reader)
            writer.close()

            assert (code, headers["content-type"]) == (201, "application/yaml")
            assert b"kind: ConfigMap\n" in body

    run(main)


def test_answers_that_a_client_takes_late_all_come() -> None:
    async def main() -> None:
        async with listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            big = config_map("big") | {"data": {"text": "x" * 200_000}}
            writer.write(raw("POST", CONFIG_MAPS_PATH, big))
            assert (await answer(reader))[0] == 201
            count = 100
            writer.write(raw("GET", f"{CONFIG_MAPS_PATH}/big") * count)
            await asyncio.sleep(0)
            codes = [(await answer(reader))[0] for _ in range(count)]
            writer.close()

            assert codes == [200] * count

    run(main)


def test_idle_connection_is_closed_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.apiserver.listener.KEEP_ALIVE_S", 0.05)

    async def main() -> None:
        async with listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw("GET", "/readyz"))
            code, _headers, _body = await answer(reader)
            rest = await reader.read()
            writer.close()

            assert (code, rest) == (200, b"")

    run(main)


def test_client_that_was_answered_is_not_asked_for_its_body() -> None:
    """``Expect: 100-continue``: who goes on listening for the client's leaving asks for nothing."""
    told: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send_answer(scope, send, Answer(401, b"text/plain", b"no"))
        told.append((await receive())["type"])

    async def main() -> None:
        sock = bind("127.0.0.1", 0)
        async with listen(app, sock):
            reader, writer = await asyncio.open_connection(*sock.getsockname()[:2])
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n")
            writer.write(b"content-length: 2\r\n\r\n")
            code, _headers, body = await answer(reader)
            writer.write(b"{}" + raw("GET", "/"))
            again = await reader.readline()
            writer.close()

            assert (code, body) == (401, b"no")
            assert again == b"HTTP/1.1 401 Unauthorized\r\n"
            assert told[0] == "http.disconnect"

    run(main)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_requests_that_come_faster_than_answers_leave_stay_with_the_client(method: str) -> None:
    waiting: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if method == "POST":
            assert (await receive())["body"] == b"{}"
        connection = cast("Connection", scope["extensions"][EXTENSION])
        waiting.append(len(connection.pipeline))
        await asyncio.sleep(0.0001)
        await send_answer(scope, send, Answer(200, b"text/plain", b"ok"))

    async def main() -> None:
        body: object = {} if method == "POST" else None
        count, request = 20_000, raw(method, "/a", body)
        sock = bind("127.0.0.1", 0)
        async with listen(app, sock):
            reader, writer = await asyncio.open_connection(*sock.getsockname()[:2])
            writer.write(request * count)
            for _ in range(200):
                assert (await answer(reader))[0] == 200
            writer.transport.abort()

            read_at_once = 256 * 1024 // len(request)
            assert max(waiting) <= 2 * read_at_once

    run(main)


def test_list_is_not_made_on_for_a_client_that_has_gone() -> None:
    async def main() -> None:
        count, ended = 100, asyncio.Queue[str]()
        async with serving(ended) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for number in range(count):
                big = config_map(f"m{number}") | {"data": {"text": "x" * 100_000}}
                writer.write(raw("POST", CONFIG_MAPS_PATH, big, "accept: " + PROTOBUF + "\r\n"))
                assert (await answer(reader))[0] == 201
            encoded = server.api.cache.counters.encodes["orjson"]
            writer.write(raw("GET", CONFIG_MAPS_PATH))
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()
            while await ended.get() != "GET":
                continue

            assert server.api.cache.counters.encodes["orjson"] - encoded < count

    run(main)
