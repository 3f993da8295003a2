"""Opening, closing and opening again."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import CompactedError, StoreClosedError, StoreError
from storage.interface import Store
from storage.registry import StoreEntry
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


async def test_close_finishes_queued_writes(make: Make) -> None:
    async with make() as store:
        writes = [store.create(b"/k/%d" % number, b"v") for number in range(50)]

    assert await asyncio.gather(*writes) == list(range(2, 52))


async def test_close_ends_watches(make: Make) -> None:
    live, replaying = Recorder(after=1), Recorder(after=1)
    async with make() as store:
        store.watch(b"/", live, after=1)
        await store.create(b"/a", b"one")
        store.watch(b"/", replaying, after=1)

    assert isinstance(live.error, StoreClosedError)
    assert isinstance(replaying.error, StoreClosedError)


async def test_reopened_store_is_as_durable_as_declared(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")
        await store.create(b"/b", b"one")
        await store.update(b"/a", b"two", expected=2)
        await store.delete(b"/b")
        before = await store.list(b"/")
        status = await store.status()

    async with make() as store:
        if not entry.capabilities.durable:
            assert store.current_revision() == 1
            assert (await store.list(b"/")).items == []
            return
        assert await store.list(b"/") == before
        again = await store.status()
        assert again.revision == status.revision == 5
        assert (again.keys, again.logical_bytes) == (status.keys, status.logical_bytes)
        assert await store.create(b"/c", b"one") == 6


async def test_reopened_durable_store_keeps_its_history(entry: StoreEntry, make: Make) -> None:
    if not entry.capabilities.durable:
        pytest.skip("declares no durability")
    first, second = Recorder(after=1), Recorder(after=1)
    async with make() as store:
        await store.create(b"/a", b"one")
        await store.update(b"/a", b"two", expected=2)
        await store.delete(b"/a")
        store.watch(b"/", first, after=1)
        await first.reach(4)

    async with make() as store:
        store.watch(b"/", second, after=1)
        await second.reach(4)

        assert second.changes == first.changes
        old = await store.get(b"/a", revision=2)
        assert old is not None
        assert old.value == b"one"


async def test_reopened_durable_store_remembers_its_compaction(
    entry: StoreEntry, make: Make
) -> None:
    if not entry.capabilities.durable:
        pytest.skip("declares no durability")
    async with make() as store:
        await store.create(b"/a", b"one")
        await store.update(b"/a", b"two", expected=2)
        await store.delete(b"/a")
        await store.compact(4)

    async with make() as store:
        assert store.current_revision() == 4
        assert (await store.status()).compact_revision == 4
        with pytest.raises(CompactedError):
            await store.get(b"/a", revision=3)
        recorder = Recorder()
        store.watch(b"/", recorder, after=3)
        assert isinstance(await recorder.end(), CompactedError)
        assert await store.create(b"/a", b"three") == 5


async def test_second_store_on_a_durable_directory_is_refused(
    entry: StoreEntry, make: Make
) -> None:
    if not entry.capabilities.durable:
        pytest.skip("declares no durability")
    async with make() as store:
        await store.create(b"/a", b"one")

        with pytest.raises(StoreError, match="in use by process"):
            await make().__aenter__()

        assert await store.create(b"/b", b"one") == 3


async def test_two_stores_in_one_process_are_apart(entry: StoreEntry, make: Make) -> None:
    if entry.capabilities.durable:
        pytest.skip("two on one directory are refused; see above")
    async with make() as one, make() as other:
        await one.create(b"/a", b"one")

        assert await other.get(b"/a") is None
