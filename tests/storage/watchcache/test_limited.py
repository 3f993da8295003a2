"""The watch cache over a store with etcd 2's limits: a short history of all keys, no old states."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from serialization.kinds import PODS
from storage.base64_values import Base64Values
from storage.clock import SystemClock
from storage.errors import CompactedError, StoreUnavailableError
from storage.records import Listing
from storage.virtual_time import run_virtual
from storage.watchcache import opening
from storage.watchcache.cache import WatchCache
from storage.watchcache.config import CacheConfig
from storage.watchcache.objects import CachedObject
from storage.watchcache.selection import Selection
from tests.storage.limited import HISTORY_EVENTS, LimitedStore
from tests.storage.watchcache.world import Sink, World, world

PAGES = 1200
"""More objects than are taken in within one turn of the loop."""
MANY = 2 * HISTORY_EVENTS + 100
"""Writes that push what was before them out of the store's history, which is cut in steps."""


class SlowStore(LimitedStore):
    """Its lists take a while, in which others may write: they are of the moment they begin at."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.turns = 0
        self.failures = 0
        """So many lists fail when they are nearly done."""
        self.clears = 0
        """In so many lists the index is cleared meanwhile."""

    async def list(
        self, prefix: bytes, *, limit: int = 0, after: bytes = b"", revision: int = 0
    ) -> Listing:
        found = await super().list(prefix, limit=limit, after=after, revision=revision)
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if self.clears:
            self.clears -= 1
            self.clear_index()
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("no endpoint answers")
        return found


async def relisted(cache: WatchCache) -> None:
    """Wait until everything has been listed again."""
    while cache.losses:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(0)


@asynccontextmanager
async def limited(config: CacheConfig | None = None) -> AsyncIterator[tuple[SlowStore, World]]:
    """Run a cache over such a store while entered; values are wrapped on the way."""
    within = SlowStore()
    async with world(config=config, store=Base64Values(within)) as place:
        yield within, place


async def test_cache_reads_what_was_wrapped() -> None:
    async with limited() as (within, place):
        sink = Sink()
        place.pods.subscribe(Selection(), sink)
        made = await place.put("a", node="n1")
        gone = await place.drop("a")
        assert sink.told == [("ADDED", "a", made), ("DELETED", "a", gone)]
        last = await place.put("b", node="n2")
        assert (await within.within.list(PODS.prefix())).items[0].value.startswith(b"azhzA")
        found = place.pods.get("default", "b")
        assert found is not None
        assert (found.revision, place.pods.message(found).spec.nodeName) == (last, "n2")  # type: ignore[attr-defined]  # a Pod


async def test_cache_keeps_a_longer_history_than_the_store() -> None:
    async with limited() as (within, place):
        first = await place.put("a")
        for number in range(MANY):
            await place.put("b", node=f"n{number}")
        assert within.oldest_revision() > first
        assert place.pods.floor <= first
        assert place.pods.replay(Selection(), first).events[0].object.revision == first + 1


async def test_start_recalls_what_the_store_has_kept() -> None:
    async with limited() as (within, place):
        for number in range(MANY):
            await place.put("b", node=f"n{number}")
        newest = within.current_revision()
        async with WatchCache(place.store, place.codec, (PODS,)) as cache:
            floor = cache.of(PODS).floor
            assert floor == within.oldest_revision()
            assert HISTORY_EVENTS <= newest - floor < MANY
            with pytest.raises(CompactedError):
                cache.of(PODS).replay(Selection(), floor - 1)


async def test_index_that_is_cleared_ends_watchers_and_lists_again() -> None:
    async with limited() as (within, place):
        old = await place.put("a")
        sink = Sink()
        place.pods.subscribe(Selection(), sink)
        lists = within.lists
        await within.within.create(PODS.key("default", "unwatched"), b"{}")
        within.clear_index()
        assert isinstance(sink.end[0], CompactedError)
        assert place.cache.lost == ["pods", "nodes"]
        await relisted(place.cache)
        assert place.cache.lost == []
        assert within.lists == lists + 2
        assert place.cache.counters.resyncs == 2
        assert place.pods.get("default", "a") is not None
        assert place.pods.floor <= old, "the store still had that history"


async def test_watcher_from_before_a_cleared_index_is_too_old() -> None:
    async with limited() as (within, place):
        old = await place.put("a")
        for number in range(MANY):
            await place.put("b", node=f"n{number}")
        assert place.pods.replay(Selection(), old).events
        within.clear_index()
        await relisted(place.cache)
        with pytest.raises(CompactedError):
            place.pods.replay(Selection(), old)
        assert place.cache.counters.too_old == 1


@pytest.mark.parametrize("rounds", [5, 3 * HISTORY_EVENTS])
async def test_writes_while_a_list_is_read_are_neither_lost_nor_doubled(rounds: int) -> None:
    """Also where they push the history past the place from which a watch would have begun."""
    async with limited() as (within, place):
        for number in range(PAGES):
            await place.put(f"p{number:04}")
        within.turns, lists = rounds, within.lists
        written: list[int] = []

        async def write() -> None:
            for number in range(rounds):
                written.append(await place.put(f"p{number % PAGES:04}", node=f"n{number}"))
                await asyncio.sleep(0)

        begun = within.current_revision()
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(write())
            async with WatchCache(place.store, place.codec, (PODS,)) as cache:
                assert within.lists == lists + 1, "once, however far the history slid meanwhile"
                await writing
                told = [each.revision for each in replayed(cache, begun)]
                assert told == written
                for mine in (cache, place.cache):
                    held = [o.revision for run in mine.of(PODS).snapshot().slices() for o in run]
                    stored = (await within.within.list(PODS.prefix())).items
                    assert held == [item.revision for item in stored]


@pytest.mark.parametrize(("failures", "clears"), [(1, 0), (0, 1), (3, 0), (0, 4), (2, 2)])
def test_resource_is_whole_however_often_its_list_fails(failures: int, clears: int) -> None:
    """A list that fails takes its watch with it: nothing is told to who is no longer there."""

    async def main() -> None:
        async with limited() as (within, place):
            await place.put("a")
            within.failures, within.clears = failures, clears
            within.clear_index()
            await place.put("b")
            while place.cache.losses:  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(0.1)
            last = await place.put("c")
            assert [each.name for run in place.pods.select(Selection()) for each in run] == [*"abc"]
            assert [each.revision for each in replayed(place.cache, last - 1)] == [last]
            assert len(within.watching) == 2, "one a resource"

    run_virtual(main())


async def test_more_than_may_wait_for_a_list_is_no_more_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "EARLY_MAX", 10)
    async with limited() as (within, place):
        within.turns = 100

        async def write() -> None:
            for number in range(50):
                await place.put("a", node=f"n{number}")
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            writing = group.create_task(write())
            async with WatchCache(place.store, place.codec, (PODS,)) as cache:
                await writing
                found = cache.of(PODS).get("default", "a")
                assert found is not None
                assert found.revision == within.current_revision()


def replayed(cache: WatchCache, after: int) -> list[CachedObject]:
    """Return the objects of the events after a revision."""
    found: list[CachedObject] = []
    while True:
        replay = cache.of(PODS).replay(Selection(), after)
        found += [event.object for event in replay.events]
        if replay.complete:
            return found
        after = replay.revision
