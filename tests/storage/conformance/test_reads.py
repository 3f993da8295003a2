"""Reads: pages, prefixes, old revisions, and what they may see."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import FutureRevisionError, UnsupportedError
from storage.interface import Store
from storage.registry import StoreEntry
from tests.storage.conftest import Make


async def fill(store: Store, *keys: bytes) -> None:
    await asyncio.gather(*[store.create(key, b"v") for key in keys])


async def test_list_returns_the_keys_of_the_prefix_in_order(make: Make) -> None:
    async with make() as store:
        await fill(store, b"/b/2", b"/a/9", b"/b/1", b"/c/1", b"/b/10", b"/b", b"/b0")

        listing = await store.list(b"/b/")

        assert [item.key for item in listing.items] == [b"/b/1", b"/b/10", b"/b/2"]
        assert (listing.revision, listing.remaining) == (8, 0)


async def test_list_pages_by_limit_and_after(make: Make) -> None:
    async with make() as store:
        await fill(store, *[b"/k/%d" % number for number in range(5)], b"/l/0")

        first = await store.list(b"/k/", limit=2)
        second = await store.list(b"/k/", limit=2, after=b"/k/1")
        third = await store.list(b"/k/", limit=2, after=b"/k/3")

        assert [item.key for item in first.items] == [b"/k/0", b"/k/1"]
        assert [item.key for item in second.items] == [b"/k/2", b"/k/3"]
        assert [item.key for item in third.items] == [b"/k/4"]
        assert [first.remaining, second.remaining, third.remaining] == [3, 1, 0]


async def test_list_whose_limit_is_just_met_has_nothing_remaining(make: Make) -> None:
    async with make() as store:
        await fill(store, b"/k/0", b"/k/1")

        assert (await store.list(b"/k/", limit=2)).remaining == 0


async def test_list_after_a_key_that_is_gone_goes_on_behind_it(make: Make) -> None:
    async with make() as store:
        await fill(store, b"/k/0", b"/k/1", b"/k/2")
        await store.delete(b"/k/1")

        assert [i.key for i in (await store.list(b"/k/", after=b"/k/1")).items] == [b"/k/2"]


async def test_list_of_an_empty_store_speaks_of_the_current_revision(make: Make) -> None:
    async with make() as store:
        assert await store.list(b"/") == ([], 1, 0)


async def test_list_longer_than_a_page_is_of_one_revision(make: Make) -> None:
    keys = [b"/k/%05d" % number for number in range(2500)]
    async with make() as store:
        await fill(store, *keys)
        reading = asyncio.ensure_future(store.list(b"/k/"))
        await asyncio.sleep(0)
        await store.update(keys[-1], b"changed", expected=2501)
        await store.delete(keys[-2])
        await store.create(b"/k/99999", b"v")

        listing = await reading

        assert [item.key for item in listing.items] == keys
        assert {item.value for item in listing.items} == {b"v"}
        assert listing.revision == 2501


async def test_count_counts_live_keys_of_the_prefix(make: Make) -> None:
    async with make() as store:
        await fill(store, b"/a/1", b"/a/2", b"/b/1")
        await store.delete(b"/a/1")

        assert [await store.count(p) for p in (b"/a/", b"/b/", b"/c/", b"")] == [1, 1, 0, 2]


async def test_reads_at_an_old_revision_as_declared(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")
        await store.create(b"/b", b"one")
        await store.update(b"/a", b"two", expected=2)
        await store.delete(b"/b")

        if not entry.capabilities.old_revisions:
            with pytest.raises(UnsupportedError):
                await store.get(b"/a", revision=2)
            with pytest.raises(UnsupportedError):
                await store.list(b"/", revision=2)
            return

        seen = [
            {item.key: item.value for item in (await store.list(b"/", revision=revision)).items}
            for revision in range(1, 6)
        ]
        assert seen == [
            {},
            {b"/a": b"one"},
            {b"/a": b"one", b"/b": b"one"},
            {b"/a": b"two", b"/b": b"one"},
            {b"/a": b"two"},
        ]
        old = await store.get(b"/a", revision=3)
        assert old is not None
        assert (old.value, old.revision, old.version) == (b"one", 2, 1)
        assert await store.get(b"/b", revision=5) is None


async def test_pages_at_an_old_revision_add_up(entry: StoreEntry, make: Make) -> None:
    if not entry.capabilities.old_revisions:
        pytest.skip("declares no reads at old revisions")
    keys = [b"/k/%02d" % number for number in range(20)]
    async with make() as store:
        await fill(store, *keys)
        for key in keys[::3]:
            await store.delete(key)
        await fill(store, b"/k/00", b"/k/05x", b"/k/zz")

        page = await store.list(b"/k/", limit=6, revision=21)
        found, remaining = [i.key for i in page.items], [page.remaining]
        while page.remaining:
            page = await store.list(b"/k/", limit=6, after=found[-1], revision=21)
            found += [item.key for item in page.items]
            remaining.append(page.remaining)

        assert found == keys
        assert remaining == [14, 8, 2, 0]


async def test_reads_of_a_future_revision_are_refused(entry: StoreEntry, make: Make) -> None:
    refusal = FutureRevisionError if entry.capabilities.old_revisions else UnsupportedError
    async with make() as store:
        with pytest.raises(refusal):
            await store.get(b"/a", revision=2)
        with pytest.raises(refusal):
            await store.list(b"/a", revision=2)


async def test_an_acknowledged_write_is_read(make: Make) -> None:
    async with make() as store:
        for number in range(20):
            revision = await store.create(b"/k/%d" % number, b"v")

            assert store.current_revision() >= revision
            assert await store.get(b"/k/%d" % number) is not None


async def test_a_write_that_is_not_acknowledged_is_not_read(make: Make) -> None:
    async with make() as store:
        writing = store.create(b"/a", b"one")

        assert await store.get(b"/a") is None
        assert store.current_revision() == 1
        assert await writing == 2
