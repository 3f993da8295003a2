"""What a server takes on: sizes, numbers and times, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import cast

import pytest

from cluster.apiserver.asgi import RequestEvent, Scope, SendEvent
from cluster.apiserver.assembly import Assembly, ServerConfig, assemble
from cluster.apiserver.calls import BODY_MAX_BYTES
from cluster.apiserver.errors import StatusError
from cluster.apiserver.inflight import Limits, asked_s
from serialization.api.meta.v1_pb2 import Status
from serialization.codecs.registry import CODECS
from storage.engine.committer import Done, Job
from storage.engine.store import EngineStore, Parts
from storage.memory.backend import MemoryBackend
from storage.registry import MEMORY
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.apiserver.kinds import CONFIG_MAPS_PATH, PROTOBUF, config_map
from tests.cluster.apiserver.serving import Reply

SLOW_S = 100.0
ONE = f"{CONFIG_MAPS_PATH}/a"


class SlowDisk:
    """A committer that takes ``delay_s`` for every group."""

    def __init__(self) -> None:
        self.delay_s = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def submit(self, job: Job, done: Done) -> None:
        self._loop.call_later(self.delay_s, self._commit, job, done)

    def _commit(self, job: Job, done: Done) -> None:
        job()
        done(None, 0)

    def close(self) -> None:
        return


class Server:
    """A server on a slow disk."""

    def __init__(self, assembly: Assembly, disk: SlowDisk) -> None:
        self.assembly = assembly
        self.disk = disk

    async def ask(
        self,
        method: str,
        path: str,
        pieces: Sequence[bytes] = (b"",),
        *,
        accept: str = "",
        pause_s: float = 0.0,
        declared: int | None = None,
    ) -> Reply:
        """Send a request whose body comes in pieces, with pauses before them."""
        bare, _, query = path.partition("?")
        headers = [(b"accept", accept.encode())] if accept else []
        if declared is not None:
            headers.append((b"content-length", b"%d" % declared))
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": bare,
            "query_string": query.encode(),
            "headers": headers,
            "extensions": {},
        }
        waiting = list(pieces)
        events: list[SendEvent] = []

        async def receive() -> RequestEvent:
            if not waiting:
                await asyncio.Event().wait()
            await asyncio.sleep(pause_s)
            piece = waiting.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

        async def send(event: SendEvent) -> None:
            events.append(event)

        await self.assembly.app(scope, receive, send)
        body = b"".join(event.get("body", b"") for event in events[1:])
        return Reply(events[0]["status"], events[0]["headers"], body)

    async def create(self, name: str, path: str = CONFIG_MAPS_PATH) -> Reply:
        """POST a ConfigMap."""
        return await self.ask("POST", path, [json.dumps(config_map(name)).encode()])


def serve(test: Callable[[Server], Awaitable[None]], limits: Limits) -> None:
    """Run a test against a server with these limits, in virtual time."""

    async def main() -> None:
        disk, clock = SlowDisk(), VirtualClock()
        store = EngineStore(Parts(MemoryBackend(), disk, clock, MEMORY))
        config = ServerConfig(CODECS["protobuf"], limits=limits)
        async with store, assemble(store, config, clock, Random(7)) as assembly:
            await test(Server(assembly, disk))
            assert assembly.api.metrics.inflight == {"mutating": 0, "readOnly": 0}

    run_virtual(main())


async def at_once(*requests: Awaitable[Reply]) -> list[Reply]:
    return await asyncio.gather(*requests)


def reason(reply: Reply) -> str:
    return cast("str", reply.json()["reason"])


@pytest.mark.parametrize("declared", [True, False])
def test_body_beyond_the_limit_is_refused(declared: bool) -> None:
    pieces = [b"x" * BODY_MAX_BYTES, b"x"]

    async def test(server: Server) -> None:
        size = BODY_MAX_BYTES + 1 if declared else None
        whole = await server.ask("POST", CONFIG_MAPS_PATH, [b"".join(pieces)], declared=size)
        chunked = await server.ask("POST", CONFIG_MAPS_PATH, pieces, declared=size)

        for reply in (whole, chunked):
            assert (reply.code, reason(reply)) == (413, "RequestEntityTooLarge")
            assert reply.json()["message"] == "Request entity too large: limit is 3145728"

    serve(test, Limits())


def test_writes_beyond_the_limit_are_refused_and_reads_are_not() -> None:
    async def test(server: Server) -> None:
        server.disk.delay_s = 1.0
        replies = await at_once(
            *(server.create(name) for name in "abc"), server.ask("GET", CONFIG_MAPS_PATH)
        )

        assert [reply.code for reply in replies] == [201, 201, 429, 200]
        refused = replies[2]
        assert refused.header("retry-after") == "1"
        assert reason(refused) == "TooManyRequests"
        assert server.assembly.counters()["requests_refused_writes"] == 1
        assert server.assembly.counters()["requests_refused_reads"] == 0
        assert (await server.create("c")).code == 201

    serve(test, Limits(writes=2))


def test_reads_beyond_the_limit_are_refused_in_the_form_that_is_asked_for() -> None:
    future = f"{ONE}?resourceVersion=999999"  # waits three seconds for that revision

    async def test(server: Server) -> None:
        waits, refused = await at_once(
            server.ask("GET", future), server.ask("GET", CONFIG_MAPS_PATH, accept=PROTOBUF)
        )

        assert (waits.code, refused.code) == (504, 429)
        assert refused.media_type == PROTOBUF
        codec = CODECS["protobuf"]
        _kind, bare = codec.unwrap(refused.body)
        assert codec.decode_bare(Status, bare).reason == "TooManyRequests"

    serve(test, Limits(reads=1))


def test_watches_take_no_place_and_have_no_deadline() -> None:
    watch = f"{CONFIG_MAPS_PATH}?watch=true&timeoutSeconds=200"

    async def test(server: Server) -> None:
        watching = [asyncio.ensure_future(server.ask("GET", watch)) for _ in range(5)]
        await asyncio.sleep(SLOW_S)
        read = await server.ask("GET", CONFIG_MAPS_PATH)
        watched = await asyncio.gather(*watching)

        assert read.code == 200
        assert [reply.code for reply in watched] == [200] * 5

    serve(test, Limits(reads=1))


def test_without_limits_nothing_is_refused() -> None:
    async def test(server: Server) -> None:
        server.disk.delay_s = SLOW_S
        replies = await at_once(*(server.create(f"c{index}") for index in range(300)))

        assert {reply.code for reply in replies} == {201}

    serve(test, Limits(0, 0, 0))


def test_late_write_says_that_its_result_is_unknown() -> None:
    async def test(server: Server) -> None:
        server.disk.delay_s = SLOW_S
        reply = await server.create("a")
        told_at = asyncio.get_running_loop().time()
        await asyncio.sleep(SLOW_S)

        assert (reply.code, reason(reply)) == (504, "Timeout")
        assert told_at == 60.0
        assert "whether it has been stored is unknown" in str(reply.json()["message"])
        assert (await server.ask("GET", ONE)).code == 200
        assert server.assembly.counters()["requests_late"] == 1

    serve(test, Limits())


def test_late_service_keeps_its_address_from_others() -> None:
    path = "/api/v1/namespaces/default/services"

    def service(name: str) -> list[bytes]:
        spec = {"clusterIP": "10.96.5.5", "ports": [{"port": 80}]}
        return [json.dumps({"metadata": {"name": name}, "spec": spec}).encode()]

    async def test(server: Server) -> None:
        server.disk.delay_s = SLOW_S
        late = await server.ask("POST", path, service("a"))
        other = await server.ask("POST", path, service("b"))
        await asyncio.sleep(SLOW_S)

        assert (late.code, other.code) == (504, 422)
        assert (await server.ask("GET", f"{path}/a")).code == 200

    serve(test, Limits())


def test_client_may_ask_for_less_time() -> None:
    async def test(server: Server) -> None:
        server.disk.delay_s = SLOW_S
        loop = asyncio.get_running_loop()
        told = []
        for asked in ("1.5s", "0", "2m"):
            begun = loop.time()
            reply = await server.create("a", f"{CONFIG_MAPS_PATH}?timeout={asked}&dryRun=")
            told.append((reply.code, loop.time() - begun))

        assert told[:2] == [(504, 1.5), (504, 60.0)]
        assert told[2][0] == 409  # what was unknown has come to be

    serve(test, Limits())


def test_slow_body_is_late_and_nothing_was_written() -> None:
    async def test(server: Server) -> None:
        body = json.dumps(config_map("a")).encode()
        reply = await server.ask("POST", CONFIG_MAPS_PATH, [body[:5], body[5:]], pause_s=40.0)

        assert reply.code == 504
        assert "unknown" not in str(reply.json()["message"])
        assert (await server.ask("GET", ONE)).code == 404

    serve(test, Limits())


def test_requests_are_late_each_in_its_own_time() -> None:
    async def test(server: Server) -> None:
        server.disk.delay_s = SLOW_S
        loop = asyncio.get_running_loop()
        ends: dict[str, float] = {}

        async def write(name: str, after_s: float) -> None:
            await asyncio.sleep(after_s)
            await server.create(name)
            ends[name] = loop.time()

        await asyncio.gather(write("a", 0.0), write("b", 10.0), write("c", 75.0))

        # c comes after the first commit was handed over, and waits for the second and its own.
        assert ends == {"a": 60.0, "b": 70.0, "c": 135.0}

    serve(test, Limits())


def test_other_cancellations_stay_cancellations() -> None:
    async def test(server: Server) -> None:
        server.disk.delay_s = SLOW_S
        writing = asyncio.ensure_future(server.create("a"))
        await asyncio.sleep(1.0)
        writing.cancel()

        with pytest.raises(asyncio.CancelledError):
            await writing
        assert server.assembly.counters()["requests_late"] == 0

    serve(test, Limits())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0.0), ("0", 0.0), ("5s", 5.0), ("1m30s", 90.0), ("250ms", 0.25), ("1.5h", 5400.0)],
)
def test_durations_are_read_as_go_writes_them(text: str, expected: float) -> None:
    assert asked_s(text) == expected


@pytest.mark.parametrize("text", ["5", "s", "-1s", "1 s", "1s2"])
def test_what_is_no_duration_is_a_bad_request(text: str) -> None:
    with pytest.raises(StatusError) as caught:
        asked_s(text)

    assert caught.value.code == 400
    assert text in caught.value.message


def test_limits_are_told_as_metrics() -> None:
    async def test(server: Server) -> None:
        server.disk.delay_s = 1.0
        await at_once(server.create("a"), server.create("b"))
        text = (await server.ask("GET", "/metrics")).body.decode()

        assert 'apiserver_dropped_requests_total{request_kind="mutating"} 1' in text
        assert "kubedyno_requests_late_total 0" in text

    serve(test, Limits(writes=1))
