"""Reads: pages, prefixes, old revisions, and what they may see."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import FutureRevisionError, UnsupportedError
from storage.interface import Store
from storage.records import KeyValue
from storage.registry import StoreEntry
from tests.storage.conformance.revisions import Revisions
from tests.storage.conftest import Make


async def fill(store: Store, *keys: bytes) -> None:
    await asyncio.gather(*[store.create(key, b"v") for key in keys])


async def test_list_returns_the_keys_of_the_prefix_in_order(entry: StoreEntry, make: Make) -> None:
    beside = b"/b-" if entry.capabilities.tree_keys else b"/b"
    async with make() as store:
        at = Revisions(store)
        await fill(store, b"/b/2", b"/a/9", b"/b/1", b"/c/1", b"/b/10", beside, b"/b0")

        listing = await store.list(b"/b/")

        assert [item.key for item in listing.items] == [b"/b/1", b"/b/10", b"/b/2"]
        assert (listing.revision, listing.remaining) == (at(8), 0)


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
        at = Revisions(store)
        assert await store.list(b"/") == ([], at(1), 0)


async def test_list_longer_than_a_page_is_of_one_revision(entry: StoreEntry, make: Make) -> None:
    keys = [b"/k/%05d" % number for number in range(2500)]
    async with make() as store:
        at = Revisions(store)
        await fill(store, *keys)
        last = await store.get(keys[-1])
        assert last is not None
        reading = asyncio.ensure_future(store.list(b"/k/"))
        await asyncio.sleep(0)
        await store.update(keys[-1], b"changed", expected=last.revision)
        await store.delete(keys[-2])
        await store.create(b"/k/99999", b"v")

        listing = await reading

        states = [dict.fromkeys(keys, b"v")]
        states.append(states[-1] | {keys[-1]: b"changed"})
        states.append({key: value for key, value in states[-1].items() if key != keys[-2]})
        states.append(states[-1] | {b"/k/99999": b"v"})
        seen = listing.revision - at(2501)
        assert [(item.key, item.value) for item in listing.items] == list(states[seen].items())
        assert seen == 0 or entry.capabilities.others_write


async def test_count_counts_live_keys_of_the_prefix(make: Make) -> None:
    async with make() as store:
        await fill(store, b"/a/1", b"/a/2", b"/b/1")
        await store.delete(b"/a/1")

        assert [await store.count(p) for p in (b"/a/", b"/b/", b"/c/", b"")] == [1, 1, 0, 2]


async def test_reads_at_an_old_revision_as_declared(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")
        await store.create(b"/b", b"one")
        await store.update(b"/a", b"two", expected=at(2))
        await store.delete(b"/b")

        if not entry.capabilities.old_revisions:
            with pytest.raises(UnsupportedError):
                await store.get(b"/a", revision=at(2))
            with pytest.raises(UnsupportedError):
                await store.list(b"/", revision=at(2))
            return

        seen = [
            {item.key: item.value for item in (await store.list(b"/", revision=at(revision))).items}
            for revision in range(1, 6)
        ]
        assert seen == [
            {},
            {b"/a": b"one"},
            {b"/a": b"one", b"/b": b"one"},
            {b"/a": b"two", b"/b": b"one"},
            {b"/a": b"two"},
        ]
        old = await store.get(b"/a", revision=at(3))
        assert old is not None
        assert (old.value, old.revision, old.version) == (b"one", at(2), 1)
        assert await store.get(b"/b", revision=at(5)) is None


async def test_pages_at_an_old_revision_add_up(entry: StoreEntry, make: Make) -> None:
    if not entry.capabilities.old_revisions:
        pytest.skip("declares no reads at old revisions")
    keys = [b"/k/%02d" % number for number in range(20)]
    async with make() as store:
        at = Revisions(store)
        await fill(store, *keys)
        for key in keys[::3]:
            await store.delete(key)
        await fill(store, b"/k/00", b"/k/05x", b"/k/zz")

        page = await store.list(b"/k/", limit=6, revision=at(21))
        found, remaining = [i.key for i in page.items], [page.remaining]
        while page.remaining:
            page = await store.list(b"/k/", limit=6, after=found[-1], revision=at(21))
            found += [item.key for item in page.items]
            remaining.append(page.remaining)

        assert found == keys
        assert remaining == [14, 8, 2, 0]


async def test_reads_of_a_future_revision_are_refused(entry: StoreEntry, make: Make) -> None:
    refusal = FutureRevisionError if entry.capabilities.old_revisions else UnsupportedError
    async with make() as store:
        at = Revisions(store)
        with pytest.raises(refusal):
            await store.get(b"/a", revision=at(2))
        with pytest.raises(refusal):
            await store.list(b"/a", revision=at(2))


async def test_an_acknowledged_write_is_read(make: Make) -> None:
    async with make() as store:
        for number in range(20):
            revision = await store.create(b"/k/%d" % number, b"v")

            assert store.current_revision() >= revision
            assert await store.get(b"/k/%d" % number) is not None


async def test_a_write_that_is_not_acknowledged_is_not_read(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        writing = store.create(b"/a", b"one")

        seen = await store.get(b"/a")

        assert seen is None or entry.capabilities.others_write
        assert seen in (None, KeyValue(b"/a", b"one", at(2), at(2), 1))
        if not entry.capabilities.others_write:
            assert store.current_revision() == at(1)
        assert await writing == at(2)
