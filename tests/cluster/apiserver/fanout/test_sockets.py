from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps

import pytest
import uvloop

from cluster.apiserver.fanout.config import FanoutConfig, WatchWrite
from cluster.apiserver.fanout.stream import End
from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.registry import CODECS
from tests.cluster.apiserver.fanout.sockets import Connection, served

Scenario = Callable[..., Coroutine[object, object, None]]


def on_uvloop(scenario: Scenario) -> Callable[..., None]:
    """Run a test's coroutine as the server's process does, for at most 20 seconds."""

    @wraps(scenario)
    def run(**given: object) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(asyncio.wait_for(scenario(**given), 20))

    return run


WAYS = pytest.mark.parametrize(
    ("way", "plain"),
    [(WatchWrite.TRANSPORT, False), (WatchWrite.ASGI, False), (WatchWrite.TRANSPORT, True)],
    ids=["transport", "asgi", "plain-uvicorn"],
)


@WAYS
@pytest.mark.parametrize("codec", ["orjson", "protobuf"])
@pytest.mark.slow
@on_uvloop
async def test_watch_over_a_socket_from_head_to_keep_alive(
    way: WatchWrite, codec: str, *, plain: bool
) -> None:
    config = FanoutConfig(watch_write=way)
    async with (
        served(config, codec, plain=plain) as (made, port, _),
        Connection(port, CODECS[codec]) as connection,
    ):
        await made.place.put("a")
        headers = await connection.ask("watch=1&timeoutSeconds=1&allowWatchBookmarks=1")
        first = await connection.events(2)
        await made.place.put("a", node="n1")
        await made.place.drop("a")
        rest = await connection.events(9)

        assert headers["transfer-encoding"] == "chunked"
        assert headers["cache-control"] == "no-cache, private"
        types = [frame.type for frame in first + rest]
        assert types == ["ADDED", "BOOKMARK", "MODIFIED", "DELETED", "BOOKMARK"]
        _kind, bare = CODECS[codec].unwrap(rest[1].document)
        assert CODECS[codec].decode_bare(Pod, bare).metadata.resourceVersion == "4"
        used = "asgi" if plain or way is WatchWrite.ASGI else "transport"
        assert made.fanout.counters.opened == {used: 1}

        await connection.ask("")  # the same connection serves the next request
        assert CODECS[codec].split_list(await connection.body())[0].resource_version == "4"


@WAYS
@on_uvloop
async def test_events_of_one_commit_come_in_one_chunk(way: WatchWrite, *, plain: bool) -> None:
    config = FanoutConfig(watch_write=way)
    async with (
        served(config, plain=plain) as (made, port, _),
        Connection(port, CODECS["protobuf"]) as connection,
    ):
        await connection.ask("watch=1&resourceVersion=1")
        await asyncio.gather(*(made.place.put(f"p{number}") for number in range(20)))

        assert len(await connection.events(20)) == 20

        commits = (await made.place.store.status()).commits
        assert connection.chunks <= commits < 5


@WAYS
@on_uvloop
async def test_client_that_goes_away_is_forgotten(way: WatchWrite, *, plain: bool) -> None:
    async with served(FanoutConfig(watch_write=way), plain=plain) as (made, port, _):
        async with Connection(port, CODECS["protobuf"]) as connection:
            await connection.ask("watch=1")
            assert made.fanout.streams == 1
        await made.idle()

        assert made.fanout.counters.ended[End.DISCONNECTED] == 1
        assert made.place.pods.watchers == 0


@pytest.mark.parametrize("way", list(WatchWrite))
@on_uvloop
async def test_server_that_stops_ends_watches_with_a_whole_answer(way: WatchWrite) -> None:
    async with served(FanoutConfig(watch_write=way)) as (made, port, server):
        async with Connection(port, CODECS["protobuf"]) as connection:
            await connection.ask("watch=1&resourceVersion=1")
            (protocol,) = server.server_state.connections

            protocol.shutdown()

            assert await connection.body() == b""
        assert made.fanout.counters.ended[End.STOPPED] == 1


@pytest.mark.parametrize("way", list(WatchWrite))
@pytest.mark.slow
@on_uvloop
async def test_client_that_does_not_read_is_cut_off_and_others_are_not(way: WatchWrite) -> None:
    config = FanoutConfig(watch_write=way, buffer_max_bytes=1_000_000)
    big = {f"label-{number}": "x" * 60 for number in range(1000)}
    async with (
        served(config) as (made, port, _),
        Connection(port, CODECS["protobuf"], receive_bytes=4096) as slow,
        Connection(port, CODECS["protobuf"]) as quick,
    ):
        await slow.ask("watch=1&resourceVersion=1")
        await quick.ask("watch=1&resourceVersion=1")

        writes = 0
        while not made.fanout.counters.ended[End.SLOW]:
            await made.place.put("a", labels=big, node=f"n{writes}")
            writes += 1
            assert len(await quick.events(1)) == 1
            assert writes < 1000, "nothing bounds what waits for a client"

        assert made.fanout.streams == 1


@WAYS
@pytest.mark.slow
@on_uvloop
async def test_long_state_is_told_in_slices_at_the_clients_pace(
    way: WatchWrite, *, plain: bool
) -> None:
    config = FanoutConfig(watch_write=way, buffer_max_bytes=1_000_000)
    async with (
        served(config, plain=plain) as (made, port, _),
        Connection(port, CODECS["protobuf"], receive_bytes=4096) as connection,
    ):
        labels = {f"label-{number}": "x" * 60 for number in range(100)}
        await asyncio.gather(*(made.place.put(f"p{n:04}", labels=labels) for n in range(2000)))

        await connection.ask("watch=1&timeoutSeconds=15")  # 14 MB, above the bound
        told = await connection.events(2000)

        assert [frame.type for frame in told] == ["ADDED"] * 2000
        assert made.fanout.counters.ended[End.SLOW] == 0


@pytest.mark.slow
@on_uvloop
async def test_client_that_leaves_amid_its_first_objects_is_a_disconnect_and_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served(FanoutConfig()) as (made, port, _):
        for number in range(1000):  # more than the sockets take
            await made.place.put(f"p{number}", labels={"filler": "x" * 8000})
        async with Connection(port, CODECS["protobuf"], 4096) as connection:
            await connection.ask("watch=1")
            await connection.events(1)
        await made.idle()

        assert made.fanout.counters.ended[End.DISCONNECTED] == 1
        assert caplog.text == ""
