"""Automatic compaction, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from storage.compactor import Compactor
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual

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
