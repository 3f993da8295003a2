"""The server over real sockets: connections, streams, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from random import Random

import pytest
import uvloop

from cluster.apiserver.assembly import ServerConfig, assemble
from cluster.apiserver.calls import BODY_MAX_BYTES
from cluster.apiserver.fanout.config import FanoutConfig, WatchWrite
from cluster.apiserver.listener import bind, listen, url_of
from serialization.codecs.registry import CODECS
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions
from tests.cluster.apiserver.kinds import PODS_PATH, pod


@asynccontextmanager
async def listening(way: WatchWrite = WatchWrite.TRANSPORT) -> AsyncIterator[int]:
    """Serve on a free port of the loopback while entered."""
    config = ServerConfig(CODECS["protobuf"], fanout=FanoutConfig(watch_write=way))
    clock = SystemClock()
    sock = bind("127.0.0.1", 0)
    async with (
        STORES["memory"].make(StoreOptions(clock=clock)) as store,
        assemble(store, config, clock, Random(1)) as server,
        listen(server.app, sock, end_watches=server.fanout.shut_down),
    ):
        yield sock.getsockname()[1]


def run(main: Callable[[], Coroutine[object, object, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(main(), 20))


async def request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, path: str, body: object
) -> tuple[int, bytes]:
    raw = json.dumps(body).encode() if body is not None else b""
    writer.write(
        f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"content-length: {len(raw)}\r\n\r\n".encode()
        + raw
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


def test_connection_serves_one_request_after_another() -> None:
    async def main() -> None:
        async with listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            created, stored = await request(reader, writer, "POST", PODS_PATH, pod())
            found, got = await request(reader, writer, "GET", f"{PODS_PATH}/a", None)
            writer.close()

            assert (created, found) == (201, 200)
            assert stored == got

    run(main)


def test_body_that_is_too_large_is_refused_and_the_connection_goes_on() -> None:
    async def main() -> None:
        async with listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            body = {"metadata": {"name": "x" * BODY_MAX_BYTES}}
            refused, told = await request(reader, writer, "POST", PODS_PATH, body)
            found, _got = await request(reader, writer, "GET", f"{PODS_PATH}/a", None)
            writer.close()

            assert (refused, found) == (413, 404)
            assert b"limit is 3145728" in told

    run(main)


@pytest.mark.parametrize("way", list(WatchWrite))
def test_watch_tells_what_is_there_and_what_comes(way: WatchWrite) -> None:
    async def main() -> None:
        async with listening(way) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await request(reader, writer, "POST", PODS_PATH, pod("before"))
            stream, watcher = await asyncio.open_connection("127.0.0.1", port)
            watcher.write(b"GET /api/v1/pods?watch=1 HTTP/1.1\r\nhost: x\r\n\r\n")
            head = await stream.readuntil(b"\r\n\r\n")
            first = await next_event(stream)
            await request(reader, writer, "POST", PODS_PATH, pod("after"))
            second = await next_event(stream)
            watcher.close()
            writer.close()

            assert b" 200 " in head
            assert first == ("ADDED", "before")
            assert second == ("ADDED", "after")

    run(main)


async def next_event(stream: asyncio.StreamReader) -> tuple[str, str]:
    size = int(await stream.readline(), 16)
    event = json.loads(await stream.readexactly(size))
    await stream.readline()
    return event["type"], event["object"]["metadata"]["name"]


@pytest.mark.parametrize("way", list(WatchWrite))
def test_server_that_stops_ends_its_watches_and_idle_connections(way: WatchWrite) -> None:
    async def main() -> None:
        async with listening(way) as port:
            idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
            await request(idle, idle_writer, "GET", "/readyz", None)
            stream, watcher = await asyncio.open_connection("127.0.0.1", port)
            watcher.write(b"GET /api/v1/pods?watch=1 HTTP/1.1\r\nhost: x\r\n\r\n")
            await stream.readuntil(b"\r\n\r\n")

        assert await idle.read() == b""
        assert await stream.read() in {b"0\r\n\r\n", b""}
        idle_writer.close()
        watcher.close()

    run(main)


def test_address_is_told_with_the_port_that_was_found() -> None:
    sock = bind("127.0.0.1", 0)

    assert url_of(sock) == f"http://127.0.0.1:{sock.getsockname()[1]}"
    sock.close()
