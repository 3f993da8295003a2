"""Watches that resume at the oldest kept revision, within one opening and over restarts."""

from __future__ import annotations

import asyncio

import pytest

from storage.engine.reads import HISTORY_PAGE, HISTORY_SCAN
from storage.errors import CompactedError
from storage.interface import Store
from storage.registry import StoreEntry
from tests.storage.conformance.revisions import Revisions
from tests.storage.conftest import Make
from tests.storage.recorder import Recorder


async def overwrite(store: Store, keys: int, rounds: int) -> int:
    """Write keys under /k/ again and again, and one under /other; return the last revision."""
    revisions = await asyncio.gather(*[store.create(b"/k/%d" % n, b"0") for n in range(keys)])
    for turn in range(1, rounds):
        value = b"%d" % turn
        revisions = await asyncio.gather(
            *[
                store.update(b"/k/%d" % n, value, expected=revision)
                for n, revision in enumerate(revisions)
            ]
        )
    return await store.create(b"/other", b"last")


async def forget(store: Store, entry: StoreEntry, revision: int) -> int:
    """Make ``revision`` the oldest that is kept: compact, or else write until it is.

    Returns the last revision.
    """
    if entry.capabilities.compaction:
        await store.compact(revision)
        return store.current_revision()
    assert entry.capabilities.history_events is not None
    last = revision + entry.capabilities.history_events
    writes = range(last - store.current_revision())
    await asyncio.gather(*[store.create(b"/forgetting/%d" % n, b"") for n in writes])
    return last


async def test_oldest_revision_is_that_of_the_status(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        assert store.oldest_revision() == (await store.status()).compact_revision
        last = await overwrite(store, 10, 5)
        before = store.oldest_revision()

        await forget(store, entry, last - 3)

        assert before < store.oldest_revision() == last - 3
        assert (await store.status()).compact_revision == last - 3


async def test_watch_after_the_oldest_revision_replays_all_that_is_kept(
    entry: StoreEntry, make: Make
) -> None:
    async with make() as store:
        at = Revisions(store)
        live, resumed, too_old = (
            Recorder(after=at(1)),
            Recorder(after=at(33)),
            Recorder(after=at(32)),
        )
        store.watch(b"/", live, after=at(1))
        await overwrite(store, 10, 5)
        last = await forget(store, entry, at(33))

        store.watch(b"/", resumed, after=store.oldest_revision())
        store.watch(b"/", too_old, after=at(32))

        await resumed.reach(last)
        assert resumed.changes == live.changes[32:]
        assert isinstance(await too_old.end(), CompactedError)


async def test_long_history_is_replayed_in_pieces_without_gap_or_repeat(
    entry: StoreEntry, make: Make
) -> None:
    if (entry.capabilities.history_events or HISTORY_SCAN) < HISTORY_SCAN:
        pytest.skip("declares a history that is no longer than a piece")
    async with make() as store:
        at = Revisions(store)
        everything, rare = Recorder(after=at(1)), Recorder(after=at(1))
        last = await overwrite(store, 1000, HISTORY_SCAN // 1000 + 1)

        store.watch(b"/", everything, after=at(1))
        store.watch(b"/other", rare, after=at(1))
        await everything.reach(last)
        await rare.reach(last)

        assert everything.revisions == list(range(at(2), last + 1))
        assert max(len(batch.changes) for batch in everything.batches) == HISTORY_PAGE
        assert rare.revisions == [last]


async def test_reopened_durable_store_replays_exactly_its_history(
    entry: StoreEntry, make: Make
) -> None:
    if not entry.capabilities.durable:
        pytest.skip("declares no durability")
    async with make() as store:
        at = Revisions(store)
        live = Recorder(after=at(1))
        store.watch(b"/", live, after=at(1))
        await overwrite(store, 20, 100)
        await store.delete(b"/k/7")
        oldest = at(1111)
        last = await forget(store, entry, oldest)

    for after in (oldest, oldest + 1, at(1500), last - 1):
        resumed = Recorder(after=after)
        async with make() as store:
            assert (store.oldest_revision(), store.current_revision()) == (oldest, last)
            store.watch(b"/", resumed, after=after)
            await resumed.reach(last)

        assert resumed.changes == live.changes[after - at(1) :]
