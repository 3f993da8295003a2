"""Compaction, and what may still be read and watched after it."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import CompactedError, FutureRevisionError
from storage.interface import Store
from storage.records import KeyValue
from storage.registry import StoreEntry
from tests.storage.conformance.revisions import Revisions
from tests.storage.conftest import Make
from tests.storage.recorder import Recorder


@pytest.fixture
def make(entry: StoreEntry, make: Make) -> Make:
    """Make a store that compacts."""
    if not entry.capabilities.compaction:
        pytest.skip("declares no compaction; see test_history_bounds")
    return make


async def history(store: Store) -> None:
    """Write a (2, 3, 5), b (4, deleted at 6) and c (7)."""
    at = Revisions(store)
    await store.create(b"/a", b"one")
    await store.update(b"/a", b"two", expected=at(2))
    await store.create(b"/b", b"one")
    await store.update(b"/a", b"three", expected=at(3))
    await store.delete(b"/b")
    await store.create(b"/c", b"one")


async def test_compaction_keeps_the_newest_state(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await history(store)

        await store.compact(at(7))

        items = (await store.list(b"/")).items
        assert items == [
            KeyValue(b"/a", b"three", at(5), at(2), 3),
            KeyValue(b"/c", b"one", at(7), at(7), 1),
        ]
        status = await store.status()
        assert (status.compact_revision, status.revision) == (at(7), at(7))


async def test_state_at_the_compact_revision_stays_readable(entry: StoreEntry, make: Make) -> None:
    if not entry.capabilities.old_revisions:
        pytest.skip("declares no reads at old revisions")
    async with make() as store:
        at = Revisions(store)
        await history(store)

        await store.compact(at(4))

        at_4 = [(i.key, i.value) for i in (await store.list(b"/", revision=at(4))).items]
        assert at_4 == [(b"/a", b"two"), (b"/b", b"one")]
        at_6 = await store.get(b"/a", revision=at(6))
        assert at_6 is not None
        assert at_6.value == b"three"


async def test_reads_below_the_compact_revision_raise_compacted(
    entry: StoreEntry, make: Make
) -> None:
    if not entry.capabilities.old_revisions:
        pytest.skip("declares no reads at old revisions")
    async with make() as store:
        at = Revisions(store)
        await history(store)
        await store.compact(at(4))

        for reading in (store.get(b"/a", revision=at(3)), store.list(b"/", revision=at(3))):
            with pytest.raises(CompactedError) as caught:
                await reading
            assert (caught.value.revision, caught.value.compacted) == (at(3), at(4))


async def test_compaction_of_the_same_or_an_older_revision_is_refused(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await history(store)
        await store.compact(at(4))

        for revision in (4, 3, 1):
            with pytest.raises(CompactedError):
                await store.compact(at(revision))


async def test_compaction_of_a_future_revision_is_refused(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        with pytest.raises(FutureRevisionError):
            await store.compact(at(2))


async def test_watch_from_the_compact_revision_sees_all_that_followed(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(4))
        await history(store)
        await store.compact(at(4))

        store.watch(b"/", recorder, after=at(4))

        await recorder.reach(at(7))
        assert recorder.revisions == at.each([5, 6, 7])
        assert recorder.error is None


async def test_watch_from_below_the_compact_revision_is_closed(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder()
        await history(store)
        await store.compact(at(4))

        store.watch(b"/", recorder, after=at(3))

        assert isinstance(await recorder.end(), CompactedError)
        assert recorder.batches == []


async def test_running_watch_is_not_touched_by_compaction(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(1))
        store.watch(b"/", recorder, after=at(1))
        await history(store)

        await store.compact(at(7))
        await store.create(b"/d", b"one")

        assert recorder.revisions == at.each([2, 3, 4, 5, 6, 7, 8])
        assert recorder.error is None


async def test_list_that_has_begun_ends_though_its_revision_is_compacted(
    entry: StoreEntry, make: Make
) -> None:
    keys = [b"/k/%05d" % number for number in range(1600)]
    async with make() as store:
        made = await asyncio.gather(*[store.create(key, b"old") for key in keys])
        reading = asyncio.ensure_future(store.list(b"/k/"))
        await asyncio.sleep(0)
        writes = [
            store.update(key, b"new", expected=revision)
            for key, revision in zip(keys, made, strict=True)
        ]
        written = await asyncio.gather(*writes)
        if not reading.done():
            await store.compact(store.current_revision())

        listing = await reading

        new = {key for key, at in zip(keys, written, strict=True) if at <= listing.revision}
        assert [(i.key, i.value) for i in listing.items] == [
            (key, b"new" if key in new else b"old") for key in keys
        ]
        assert not new or entry.capabilities.others_write


async def test_writes_go_on_during_a_long_compaction(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        ordered = entry.capabilities.ordered_writes
        revision = await store.create(b"/a", b"0")
        for burst in range(10):
            writes = []
            for number in range(400 if ordered else 40):
                writes.append(store.update(b"/a", b"%d.%d" % (burst, number), expected=revision))
                revision = revision + 1 if ordered else await writes[-1]
            await asyncio.gather(*writes)

        await store.compact(revision)
        for number in range(20):
            revision = await store.update(b"/a", b"after %d" % number, expected=revision)
        await store.compact(revision)

        assert [item.value for item in (await store.list(b"/")).items] == [b"after 19"]
