"""How a cache begins on a store that has a history."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from serialization.kinds import NODES, PODS
from storage.errors import CompactedError
from storage.interface import Store, Watcher
from storage.records import Batch, Change, KeyValue
from storage.registry import StoreEntry
from storage.watchcache.cache import WatchCache
from storage.watchcache.config import CacheConfig
from storage.watchcache.counters import CacheCounters
from storage.watchcache.fields import fields_of
from storage.watchcache.intake import Intake
from storage.watchcache.opening import Opening
from storage.watchcache.selection import Selection
from tests.storage.conftest import Make
from tests.storage.watchcache.world import World, world

Seen = list[tuple[str, str, int]]


def replayed(cache: WatchCache, after: int) -> Seen:
    """Return type, name and revision of what happened after a revision."""
    seen: Seen = []
    while True:
        replay = cache.of(PODS).replay(Selection(), after)
        seen += [
            (each.type.value, each.object.name, each.object.revision) for each in replay.events
        ]
        if replay.complete:
            return seen
        after = replay.revision


async def eventful(place: World) -> Seen:
    """Make a history; return it as a watcher of all pods is told it."""
    told: Seen = [("ADDED", "a", await place.put("a"))]
    told += [("ADDED", "b", await place.put("b"))]
    told += [("MODIFIED", "a", await place.put("a", node=f"n{n}")) for n in range(3)]
    told += [("DELETED", "a", await place.drop("a"))]
    told += [("ADDED", "a", await place.put("a"))]
    told += [("DELETED", "b", await place.drop("b"))]
    told += [("ADDED", f"c{n:03}", await place.put(f"c{n:03}")) for n in range(700)]
    return told


async def test_history_from_before_the_start_is_replayed_as_it_was(make: Make) -> None:
    async with world(store=make()) as place:
        told = await eventful(place)

        async with WatchCache(place.store, place.codec, (PODS,)) as cache:
            for after in (1, 2, 5, 9, 400):
                assert replayed(cache, after) == [each for each in told if each[2] > after]
            assert len(cache.of(PODS)) == 701


async def test_history_of_an_earlier_life_is_replayed(entry: StoreEntry, make: Make) -> None:
    if not entry.capabilities.durable:
        pytest.skip("nothing outlives it")
    async with world(store=make()) as place:
        told = await eventful(place)
        if entry.capabilities.compaction:
            await place.store.compact(6)
        kept = place.store.oldest_revision()

    async with world(store=make()) as place:
        assert place.pods.floor == kept
        assert kept == 6 or not entry.capabilities.compaction
        assert replayed(place.cache, kept) == [each for each in told if each[2] > kept]
        # The live object and the newest event of it are one.
        live = place.pods.get("default", "c699")
        newest = place.pods.replay(Selection(), place.cache.revision - 1).events[0].object
        assert live is newest


@pytest.mark.parametrize(
    ("config", "floor"),
    [
        (CacheConfig(recalled_revisions=0), 709),
        (CacheConfig(recalled_revisions=10), 699),
        (CacheConfig(history_events=5), 704),
        (CacheConfig(history_bytes=100), 707),
    ],
)
async def test_history_that_is_recalled_is_bounded(config: CacheConfig, floor: int) -> None:
    async with world() as place:
        told = await eventful(place)

        async with WatchCache(place.store, place.codec, (PODS,), config) as cache:
            assert cache.of(PODS).floor == floor
            assert replayed(cache, floor) == [each for each in told if each[2] > floor]
            with pytest.raises(CompactedError):
                cache.of(PODS).replay(Selection(), floor - 1)


async def test_writes_while_history_is_read_are_neither_lost_nor_doubled() -> None:
    async with world() as place:
        told = await eventful(place)

        async def write() -> None:
            for number in range(60):
                told.append(("MODIFIED", "a", await place.put("a", node=f"m{number}")))
                await asyncio.sleep(0)

        async with (
            asyncio.TaskGroup() as tasks,
            WatchCache(place.store, place.codec, (PODS, NODES)) as cache,
        ):
            await tasks.create_task(write())

            assert replayed(cache, 1) == told
            cached = cache.of(PODS).get("default", "a")
            assert cached is not None
            assert cached.fields[0] == "m59"


class Forgetful:
    """A store that compacts as soon as a watch has begun, some times."""

    def __init__(self, store: Store, times: int) -> None:
        self._store = store
        self.times = times
        self.afters: list[int] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def watch(self, prefix: bytes, watcher: Watcher, *, after: int) -> object:
        self.afters.append(after)
        if self.times:
            self.times -= 1
            asyncio.get_running_loop().call_soon(watcher.closed, CompactedError(after, after + 1))
            return self
        return self._store.watch(prefix, watcher, after=after)

    def cancel(self) -> None:
        """End a watch that has ended."""


@pytest.mark.parametrize("times", [1, 3])
async def test_compaction_that_overtakes_the_reading_begins_it_anew(times: int) -> None:
    async with world() as place:
        await eventful(place)
        store = Forgetful(place.store, times)

        async with WatchCache(store, place.codec, (PODS,)) as cache:  # type: ignore[arg-type]  # by __getattr__
            assert len(cache.of(PODS)) == 701
            assert store.afters == [[1, 2], [1, 2, 3, place.cache.revision]][times == 3]


def change(
    revision: int, version: int, *, value: bytes | None, known: bool, name: str = "a"
) -> Change:
    key = PODS.key("default", name)
    before = KeyValue(key, value or b"", revision - 1, 1, version - 1) if known else None
    return Change(key, value, revision, 2, before, version)


async def test_change_whose_state_before_is_unknown_begins_the_history() -> None:
    async with world() as place:
        value = place.document("a")
        for _ in range(8):
            await place.put("z")
            await place.drop("z")
        shared = place.pods._intake, replace(CacheConfig(), recalled_revisions=99)
        opening = Opening(place.store, PODS.prefix(), *shared)
        await opening.list(place.pods._fields, 99)
        ring = opening.contents.ring

        opening.deliver(
            Batch(
                place.store.current_revision(),
                (
                    change(3, 2, value=value, known=True),
                    change(4, 3, value=value, known=True),
                    change(5, 0, value=None, known=False),  # but the change before it is known
                    change(7, 2, value=value, known=False, name="b"),
                    change(8, 3, value=value, known=True, name="b"),
                ),
            )
        )

        assert (ring.floor, [event.revision for event in ring.since(7, 9)]) == (7, [8])
        await opening.present()


class Muted:
    """A store whose watches tell nothing, once it is muted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.muted = False
        self.watches = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def watch(self, prefix: bytes, watcher: Watcher, *, after: int) -> object:
        if not self.muted:
            return self._store.watch(prefix, watcher, after=after)
        self.watches += 1
        return self

    def cancel(self) -> None:
        """End a watch that tells nothing."""


async def test_cache_that_stops_while_it_opens_again_is_not_held_up() -> None:
    async with world() as place, asyncio.timeout(90):
        await eventful(place)
        store = Muted(place.store)
        cache = WatchCache(store, place.codec, (PODS,))  # type: ignore[arg-type]  # by __getattr__

        async with cache:
            store.muted = True
            cache.of(PODS).closed(CompactedError(1, 2))
            while not store.watches:  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(0)
            assert cache.lost == ["pods"]

        assert cache.counters.resyncs == 1


async def test_change_too_big_to_recall_does_not_take_what_came_since_with_it() -> None:
    async with world() as place:
        listed = await place.put("a")
        intake = Intake(PODS, place.codec, CacheCounters())
        opening = Opening(place.store, PODS.prefix(), intake, CacheConfig(history_bytes=1))
        await opening.list(fields_of(PODS), reach=100)
        came = await place.put("b")

        place.store.watch(PODS.prefix(), opening, after=opening.since)
        await opening.present()

        ring = opening.contents.ring
        assert ring.floor == listed
        assert [event.revision for event in ring.since(listed, 10)] == [came]
