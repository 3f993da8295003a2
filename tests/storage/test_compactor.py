"""Automatic compaction, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from storage.compactor import Compactor
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from tests.storage.limited import LimitedStore
from tests.storage.shared.store import SharedView

INTERVAL_S = 300.0


def compacted(story: Callable[[Store, Compactor], Awaitable[None]]) -> None:
    async def main() -> None:
        options = StoreOptions(data_dir=None, clock=VirtualClock(), inline_commits=True)
        async with STORES["memory"].make(options) as store, asyncio.TaskGroup() as group:
            compactor = Compactor(store, INTERVAL_S)
            running = group.create_task(compactor.run())
            await story(store, compactor)
            running.cancel()

    run_virtual(main())


def test_compactor_forgets_what_was_superseded_an_interval_ago() -> None:
    async def story(store: Store, compactor: Compactor) -> None:
        await asyncio.sleep(1)
        first = await store.create(b"/a", b"1")
        await asyncio.sleep(INTERVAL_S)
        second = await store.update(b"/a", b"2", expected=first)
        assert (await store.status()).compact_revision < first

        await asyncio.sleep(INTERVAL_S)

        assert (await store.status()).compact_revision == first
        await asyncio.sleep(INTERVAL_S)
        assert (await store.status()).compact_revision == second
        assert await store.get(b"/a", revision=second)

    compacted(story)


def test_compactor_has_nothing_to_do_in_an_idle_store() -> None:
    async def story(store: Store, compactor: Compactor) -> None:
        await store.create(b"/a", b"1")
        await asyncio.sleep(3.5 * INTERVAL_S)
        done = compactor.compactions

        await asyncio.sleep(10 * INTERVAL_S)

        assert compactor.compactions == done
        assert await store.get(b"/a")

    compacted(story)


def shared(
    count: int, story: Callable[[Store, list[SharedView], list[Compactor]], Awaitable[None]]
) -> None:
    """Run compactors on views of one store, all of which began at the same time."""

    async def main() -> None:
        options = StoreOptions(data_dir=None, clock=VirtualClock(), inline_commits=True)
        async with AsyncExitStack() as stack:
            truth = await stack.enter_async_context(STORES["memory"].make(options))
            views = [await stack.enter_async_context(SharedView(truth)) for _ in range(count)]
            group = await stack.enter_async_context(asyncio.TaskGroup())
            compactors = [Compactor(view, INTERVAL_S) for view in views]
            running = [group.create_task(each.run()) for each in compactors]
            await story(truth, views, compactors)
            for task in running:
                task.cancel()

    run_virtual(main())


async def rounds(store: Store, count: int) -> None:
    """Let so many intervals pass, with a write in each."""
    for number in range(count):
        await store.create(b"/r%d-%d" % (store.current_revision(), number), b"")
        await asyncio.sleep(INTERVAL_S)


def test_one_of_several_servers_compacts_in_each_interval() -> None:
    async def story(store: Store, _views: list[SharedView], compactors: list[Compactor]) -> None:
        await asyncio.sleep(1)
        await rounds(store, 12)

        done = sum(each.compactions for each in compactors)
        assert 10 <= done <= 12
        assert sum(each.rounds_lost for each in compactors) >= 22
        newest = store.current_revision()
        assert newest - (await store.status()).compact_revision <= 2 * 2

    shared(3, story)


def test_round_goes_on_without_a_server_that_is_gone() -> None:
    async def story(store: Store, views: list[SharedView], compactors: list[Compactor]) -> None:
        await asyncio.sleep(1)
        await rounds(store, 3)
        winner = max(range(2), key=lambda n: compactors[n].compactions)
        before = (await store.status()).compact_revision
        views[winner].down = True

        await rounds(store, 3)

        assert (await store.status()).compact_revision > before
        assert compactors[1 - winner].compactions >= 2

    shared(2, story)


def test_round_whose_answer_is_lost_is_not_compacted_twice() -> None:
    async def story(store: Store, views: list[SharedView], compactors: list[Compactor]) -> None:
        await asyncio.sleep(1)
        await rounds(store, 2)
        views[0].unknown = 1

        await rounds(store, 6)

        done = [each.compactions for each in compactors]
        assert 6 <= sum(done) <= 8

    shared(2, story)


def test_compactor_leaves_a_store_alone_that_has_nothing_to_compact() -> None:
    async def main() -> None:
        async with LimitedStore(VirtualClock()) as store:
            compactor = Compactor(store, INTERVAL_S)
            revision = await store.create(b"/a", b"1")
            await compactor.run()
            assert (compactor.compactions, compactor.compacted_revision) == (0, 0)
            assert store.current_revision() == revision, "no round's key either"

    run_virtual(main())
