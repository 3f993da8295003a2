"""The watch cache over a store that others write to, and of which it learns late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from random import Random

import pytest

from serialization.codecs.registry import CODECS
from serialization.kinds import NODES, PODS
from serialization.scheme import Resource
from storage.errors import CompactedError, StoreUnavailableError
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from storage.watchcache.cache import WatchCache
from storage.watchcache.config import CacheConfig
from storage.watchcache.objects import CachedObject
from storage.watchcache.selection import Selection
from tests.storage.shared.store import SharedView
from tests.storage.watchcache.world import World

Scenario = Callable[..., Coroutine[object, object, None]]


def virtual(scenario: Scenario) -> Callable[..., None]:
    """Run a test's coroutine in virtual time."""

    @wraps(scenario)
    def run(**given: object) -> None:
        run_virtual(scenario(**given))

    return run


class Told:
    """An observer that writes down what it is told, and what it is told to have missed."""

    def __init__(self) -> None:
        self.revisions: list[int] = []
        self.gaps: list[tuple[int, int]] = []

    def observe(
        self,
        resource: Resource,
        revision: int,
        after: CachedObject | None,
        before: CachedObject | None,
    ) -> None:
        if resource is PODS:
            self.revisions.append(revision)

    def missed(self, resource: Resource, after: int, upto: int) -> None:
        if resource is PODS:
            self.gaps.append((after, upto))


@asynccontextmanager
async def shared(seed: int = 1) -> AsyncIterator[tuple[World, SharedView]]:
    """Give a store that is written to, and a view of it that no cache stands on yet."""
    options = StoreOptions(clock=VirtualClock(), inline_commits=True)
    codec = CODECS["protobuf"]
    async with (
        STORES["memory"].make(options) as truth,
        SharedView(truth, Random(seed)) as view,
        WatchCache(truth, codec, (PODS, NODES)) as cache,
    ):
        yield World(truth, cache, codec), view


async def write(place: World, chance: Random, count: int) -> list[int]:
    """Write and delete pods at random; return the revisions."""
    revisions = []
    for _ in range(count):
        name = chance.choice("abcdefgh")
        if chance.random() < 0.3 and place.pods.get("default", name) is not None:
            revisions.append(await place.drop(name))
        else:
            revisions.append(await place.put(name, node=f"n{chance.random()}"))
        await asyncio.sleep(chance.uniform(0, 0.02))
    return revisions


def contents(cache: WatchCache) -> list[tuple[str, int]]:
    return [(obj.name, obj.revision) for obj in cache.of(PODS).snapshot()]


def replayed(cache: WatchCache, after: int) -> list[int]:
    return [each.object.revision for each in cache.of(PODS).replay(Selection(), after).events]


@pytest.mark.parametrize("reach", [0, 5, 1000])
@pytest.mark.parametrize("seed", range(5))
@virtual
async def test_cache_opens_whole_on_a_store_of_which_it_learns_late(seed: int, reach: int) -> None:
    async with shared(seed) as (place, view):
        chance = Random(seed)
        before = await write(place, chance, 20)
        view.lag_s, view.call_s = 0.3, 0.1
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(write(place, chance, 60))
            await asyncio.sleep(0.1)
            config = CacheConfig(recalled_shared=reach)
            async with WatchCache(view, place.codec, (PODS, NODES), config) as cache:
                seen = [(obj.name, obj.revision) for obj in cache.of(PODS).snapshot()]
                floor = cache.of(PODS).floor
                assert all(revision <= cache.revision for _name, revision in seen)
                revisions = before + await writing
                await asyncio.sleep(1)

                assert contents(cache) == contents(place.cache)
                assert replayed(cache, floor) == [each for each in revisions if each > floor]
                if reach == 1000:
                    assert floor == 1


@virtual
async def test_list_that_is_ahead_of_the_watch_is_not_undone_by_it() -> None:
    async with shared() as (place, view):
        view.held = True
        revisions = [await place.put("a", node=f"n{number}") for number in range(5)]
        cache = WatchCache(view, place.codec, (PODS,))

        opening = asyncio.ensure_future(cache.__aenter__())
        await asyncio.sleep(1)
        assert not opening.done()  # what it has listed is newer than what it has been told
        view._learn_next()
        await asyncio.sleep(1)
        assert not opening.done()
        view.held = False
        view.learn()
        await opening

        assert contents(cache) == [("a", revisions[-1])]
        assert replayed(cache, revisions[1]) == revisions[2:]
        await cache.__aexit__(None, None, None)


@virtual
async def test_store_that_cannot_be_read_is_told_as_it_is() -> None:
    async with shared() as (place, view):
        view.down = True

        with pytest.raises(StoreUnavailableError):
            await WatchCache(view, place.codec, (PODS, NODES)).__aenter__()


@pytest.mark.parametrize("compacted", [False, True])
@virtual
async def test_observer_is_told_what_happened_while_the_watch_was_lost(compacted: bool) -> None:
    async with shared() as (place, view):
        told = Told()
        config = CacheConfig(observer=told)
        async with WatchCache(view, place.codec, (PODS, NODES), config) as cache:
            revisions = [await place.put("a", node=f"n{number}") for number in range(3)]
            view.held = True
            missed = [await place.put("a", node=f"m{number}") for number in range(6)]
            if compacted:
                await place.store.compact(missed[3])
            view.held = False
            view.lose(CompactedError(1, 2), prefix=PODS.prefix())
            view.learn()
            await asyncio.sleep(1)
            after = [await place.put("a")]

            assert cache.lost == []
            if compacted:
                assert told.gaps == [(revisions[-1], missed[3])]
                assert told.revisions == revisions + missed[4:] + after
            else:
                assert told.gaps == []
                assert told.revisions == revisions + missed + after


@virtual
async def test_waiting_for_a_revision_of_no_resource_ends_when_it_has_come() -> None:
    async with shared() as (place, view):
        view.lag_s, view.chance = 0.2, None
        async with WatchCache(view, place.codec, (PODS,)) as cache:
            loop = asyncio.get_running_loop()
            revision = await place.store.create(b"/elsewhere", b"")
            began = loop.time()

            reached = cache.reached(revision)
            await asyncio.gather(reached, cache.catch_up(), cache.wait_for(revision))

            assert 0.2 <= loop.time() - began <= 0.25
            assert cache.waiting == 0
