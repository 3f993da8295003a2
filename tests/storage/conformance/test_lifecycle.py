"""Opening, closing and opening again."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import CompactedError, StoreClosedError, StoreError
from storage.interface import Store
from storage.records import KeyValue
from storage.registry import StoreEntry
from tests.storage.conformance.revisions import Revisions
from tests.storage.conftest import Make
from tests.storage.recorder import Recorder


async def refused(store: Store) -> None:
    for call in (
        store.get(b"/a"),
        store.list(b"/a"),
        store.count(b"/a"),
        store.status(),
        store.create(b"/a", b""),
        store.update(b"/a", b"", expected=1),
        store.delete(b"/a"),
        store.compact(1),
    ):
        with pytest.raises(StoreClosedError):
            await call
    with pytest.raises(StoreClosedError):
        store.watch(b"/", Recorder(), after=1)


async def test_store_refuses_all_before_it_is_opened(make: Make) -> None:
    await refused(make())


async def test_store_refuses_all_after_it_is_closed(make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")

    await refused(store)


async def test_close_finishes_queued_writes(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        writes = [store.create(b"/k/%d" % number, b"v") for number in range(50)]

    revisions = await asyncio.gather(*writes)
    ordered = entry.capabilities.ordered_writes
    assert (revisions if ordered else sorted(revisions)) == at.each(range(2, 52))


async def test_close_ends_watches(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        live, replaying = Recorder(after=at(1)), Recorder(after=at(1))
        store.watch(b"/", live, after=at(1))
        await store.create(b"/a", b"one")
        store.watch(b"/", replaying, after=at(1))

    assert isinstance(live.error, StoreClosedError)
    assert isinstance(replaying.error, StoreClosedError)


async def test_reopened_store_is_as_durable_as_declared(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")
        await store.create(b"/b", b"one")
        await store.update(b"/a", b"two", expected=at(2))
        await store.delete(b"/b")
        before = await store.list(b"/")
        status = await store.status()

    async with make() as store:
        if not entry.capabilities.durable:
            assert store.current_revision() == at(1)
            assert (await store.list(b"/")).items == []
            return
        assert await store.list(b"/") == before
        again = await store.status()
        assert again.revision == status.revision == at(5)
        assert again.keys == status.keys
        if not entry.capabilities.others_write:
            assert again.logical_bytes == status.logical_bytes
        assert await store.create(b"/c", b"one") == at(6)


async def test_reopened_durable_store_keeps_its_history(entry: StoreEntry, make: Make) -> None:
    if not entry.capabilities.durable:
        pytest.skip("declares no durability")
    async with make() as store:
        at = Revisions(store)
        first, second = Recorder(after=at(1)), Recorder(after=at(1))
        await store.create(b"/a", b"one")
        await store.update(b"/a", b"two", expected=at(2))
        await store.delete(b"/a")
        store.watch(b"/", first, after=at(1))
        await first.reach(at(4))

    async with make() as store:
        store.watch(b"/", second, after=at(1))
        await second.reach(at(4))

        assert second.changes == first.changes
        if not entry.capabilities.old_revisions:
            return
        old = await store.get(b"/a", revision=at(2))
        assert old is not None
        assert old.value == b"one"


async def test_reopened_durable_store_remembers_its_compaction(
    entry: StoreEntry, make: Make
) -> None:
    if not entry.capabilities.durable:
        pytest.skip("declares no durability")
    if not entry.capabilities.compaction:
        pytest.skip("declares no compaction; of its history, see test_resumption")
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")
        await store.update(b"/a", b"two", expected=at(2))
        await store.delete(b"/a")
        await store.compact(at(4))

    async with make() as store:
        assert store.current_revision() == at(4)
        assert (await store.status()).compact_revision == at(4)
        with pytest.raises(CompactedError):
            await store.get(b"/a", revision=at(3))
        recorder = Recorder()
        store.watch(b"/", recorder, after=at(3))
        assert isinstance(await recorder.end(), CompactedError)
        assert await store.create(b"/a", b"three") == at(5)


async def test_second_store_on_a_durable_directory_is_refused_or_sees_the_same(
    entry: StoreEntry, make: Make
) -> None:
    if not entry.capabilities.durable:
        pytest.skip("declares no durability")
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")

        if entry.capabilities.others_write:
            await _share(store, make(), at)
        else:
            with pytest.raises(StoreError, match="in use by process"):
                await make().__aenter__()

        assert await store.create(b"/b", b"one") == at(3)


async def _share(store: Store, other: Store, at: Revisions) -> None:
    """Another store reads at once, and is told within its own time, what this one has written."""
    async with other:
        assert await other.get(b"/a") == KeyValue(b"/a", b"one", at(2), at(2), 1)
        assert await other.latest_revision() == at(2)
        recorder = Recorder(after=at(1))
        other.watch(b"/", recorder, after=at(1))
        await recorder.reach(at(2))
        assert [change.key for change in recorder.changes] == [b"/a"]
        assert other.current_revision() == at(2)


async def test_two_stores_in_one_process_are_apart(entry: StoreEntry, make: Make) -> None:
    if entry.capabilities.durable:
        pytest.skip("two on one directory are refused; see above")
    async with make() as one, make() as other:
        await one.create(b"/a", b"one")

        assert await other.get(b"/a") is None
