"""Watchers that are idle, slow or failing: what they cost, and that nobody else notices."""

from __future__ import annotations

from typing import cast

import pytest

from cluster.apiserver.fanout.chunk import Chunk
from cluster.apiserver.fanout.config import FanoutConfig, WatchWrite
from cluster.apiserver.fanout.stream import End, Stream
from cluster.apiserver.fanout.writer import StreamWriter
from cluster.apiserver.views.plain import PlainView
from serialization.codecs.registry import CODECS
from storage.watchcache.config import CacheConfig
from storage.watchcache.events import WatchEvent
from storage.watchcache.selection import Selection
from tests.cluster.apiserver.reads.rig import rig, select
from tests.cluster.apiserver.reads.stories import virtual


@virtual
async def test_slow_watcher_that_was_cut_off_resumes_by_its_version() -> None:
    config = FanoutConfig(watch_write=WatchWrite.ASGI, buffer_max_bytes=4000)
    async with rig(fanout=config) as made:
        slow, task = made.watch("resourceVersion=1")
        await made.settle()
        await made.place.put("p0")
        await made.settle()
        slow.reading.clear()
        for number in range(1, 300):  # many times what may wait for it
            await made.place.put(f"p{number}", node="n" * 30)
            await made.settle()
        await task
        slow.reading.set()

        seen = slow.short[-1][2]
        again, _ = made.watch(f"resourceVersion={seen}")
        await made.settle()

        told = slow.short + again.short
        assert told == [("ADDED", f"p{number}", str(number + 2)) for number in range(300)]
        assert len(again.short) > 200
        assert made.fanout.counters.ended[End.SLOW] == 1


@virtual
async def test_idle_watchers_cost_nothing_per_event_of_others() -> None:
    async with rig() as made:
        for number in range(300):
            made.watch("", select(fields=f"spec.nodeName=n{number}"))
            made.watch("", select("quiet"))
            made.watch("", select(fields=f"metadata.name=p{number}"))
        await made.settle()
        busy, _ = made.watch("", select(fields="spec.nodeName=busy"))
        await made.settle()
        before = made.place.cache.counters.filter_calls
        flushes = made.fanout.counters.flushes

        for number in range(100):
            await made.place.put("a", node="busy", labels={"n": str(number)})
            await made.settle()

        assert len(busy.told) == 100
        # One for the watcher of that node; an update's old and new node are the same.
        assert made.place.cache.counters.filter_calls - before == 100
        assert made.fanout.counters.flushes - flushes == 100


class TornWriter:
    """Fails at its second chunk."""

    def __init__(self) -> None:
        self.written = 0
        self.aborted = False

    def write(self, _chunk: Chunk) -> None:
        self.written += 1
        if self.written > 1:
            raise RuntimeError("unable to perform operation on a closed transport")

    def release(self) -> None:
        return

    def abort(self) -> None:
        self.aborted = True


@virtual
async def test_watcher_that_cannot_be_written_to_ends_alone() -> None:
    async with rig() as made:
        sound, _ = made.watch("resourceVersion=1")
        await made.settle()
        torn, writer = Stream(bookmarks=False), TornWriter()
        torn.writer = cast("StreamWriter", writer)
        view = PlainView(made.place.pods, CODECS["protobuf"])
        group = made.fanout.join(torn, made.place.pods, Selection(), view)
        late, _ = made.watch("resourceVersion=1")
        await made.settle()

        for name in "abc":
            await made.place.put(name)
            await made.settle()

        assert torn.ended.result() is End.BROKEN
        assert (writer.written, writer.aborted) == (2, True)
        assert len(sound.told) == len(late.told) == 3
        made.fanout.leave(torn, group)


class BlindView(PlainView):
    """Cannot tell of the node ``bad``, for a reason that nobody thought of."""

    key = "blind"

    def frame(self, event: WatchEvent) -> bytes:
        if event.object.fields[0] == "bad":
            raise KeyError("no such column")
        return super().frame(event)


@virtual
async def test_group_whose_event_cannot_be_told_ends_alone() -> None:
    async with rig() as made:
        sound, _ = made.watch("resourceVersion=1")
        await made.settle()
        blind = Stream(bookmarks=False)
        view = BlindView(made.place.pods, CODECS["protobuf"])
        group = made.fanout.join(blind, made.place.pods, Selection(), view)

        for node in ("good", "bad", "good"):
            await made.place.put("a", node=node, labels={"at": str(made.place.cache.revision)})
            await made.settle()

        assert blind.ended.result() is End.STOPPED
        assert len(sound.told) == 3
        made.fanout.leave(blind, group)


@pytest.mark.slow
@virtual
async def test_history_of_big_versions_is_bounded_in_bytes() -> None:
    config = CacheConfig(history_bytes=2_000_000)
    async with rig(cache=config) as made:
        client, _ = made.watch("resourceVersion=1", codec="orjson")
        await made.settle()
        held = 0
        for number in range(200):
            await made.place.put(
                "a", labels={f"l{n}": "x" * 60 for n in range(1500)} | {"n": str(number)}
            )
            await made.settle()
            held = max(held, made.place.pods.history_bytes)

        assert held <= 2_000_000
        assert len(client.told) == 200
        assert made.place.pods.floor > 150
