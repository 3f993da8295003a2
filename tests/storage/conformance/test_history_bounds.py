"""How much history is kept, as declared, and what that means where nothing is compacted."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import CompactedError, UnsupportedError
from storage.registry import StoreEntry
from tests.storage.conformance.revisions import Revisions
from tests.storage.conftest import Make
from tests.storage.recorder import Recorder


async def test_compaction_is_refused_as_declared(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        revision = await store.create(b"/a", b"one")
        before = store.oldest_revision()

        if entry.capabilities.compaction:
            await store.compact(revision)
            assert store.oldest_revision() == revision
        else:
            with pytest.raises(UnsupportedError):
                await store.compact(revision)
            assert store.oldest_revision() == before


@pytest.mark.slow
async def test_history_is_kept_and_bounded_as_declared(entry: StoreEntry, make: Make) -> None:
    history = entry.capabilities.history_events
    count = 3000 if history is None else 2 * history
    async with make() as store:
        at = Revisions(store)
        oldest_kept = at(count + 1 - (history or count))
        kept, lost = Recorder(after=oldest_kept), Recorder(after=at(1))
        for start in range(0, count, 500):
            await asyncio.gather(*[store.create(b"/%d" % (start + n), b"v") for n in range(500)])

        store.watch(b"/", kept, after=kept.revision)
        store.watch(b"/", lost, after=lost.revision)
        await kept.reach(at(count + 1))

        assert len(kept.changes) == (history or count)
        if history is None:
            await lost.reach(at(count + 1))
            assert len(lost.changes) == count
        else:
            assert isinstance(await lost.end(), CompactedError)
        assert (await store.list(b"/")).remaining == 0
        assert await store.count(b"/") == count


@pytest.mark.slow
async def test_history_is_bounded_by_bytes_as_declared(entry: StoreEntry, make: Make) -> None:
    bound = entry.capabilities.history_bytes
    size, count = (
        1 << 20,
        40 if bound is None else 2 * (entry.capabilities.history_bytes or 0) >> 20,
    )
    padding = b"x" * size
    async with make() as store:
        first = revision = await store.create(b"/big", b"%08d" % 0 + padding)
        for number in range(1, count):
            value = b"%08d" % number + padding
            revision = await store.update(b"/big", value, expected=revision)
        resumed = Recorder(after=max(first - 1, store.oldest_revision()))
        store.watch(b"/", resumed, after=resumed.revision)
        await resumed.reach(revision)

        kept = sum(len(change.key) + len(change.value or b"") for change in resumed.changes)
        if bound is None:
            assert len(resumed.changes) == count
        else:
            assert bound * 0.9 < kept <= bound * 1.1
        assert len((await store.list(b"/")).items) == 1
