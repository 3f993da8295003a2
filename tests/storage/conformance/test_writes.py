"""Writes: how they are judged, and what they answer."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import ConflictError, KeyExistsError, KeyNotFoundError
from storage.records import KeyValue
from tests.storage.conftest import Make
from tests.storage.recorder import Recorder


async def test_new_store_is_at_revision_1(make: Make) -> None:
    async with make() as store:
        assert store.current_revision() == 1


async def test_create_makes_the_key_at_the_next_revision(make: Make) -> None:
    async with make() as store:
        assert await store.create(b"/a", b"one") == 2

        assert await store.get(b"/a") == KeyValue(b"/a", b"one", 2, 2, 1)
        assert store.current_revision() == 2


async def test_create_of_an_existing_key_answers_its_state(make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")

        with pytest.raises(KeyExistsError) as caught:
            await store.create(b"/a", b"two")

        assert caught.value.current == KeyValue(b"/a", b"one", 2, 2, 1)
        assert store.current_revision() == 2


async def test_create_after_a_delete_starts_at_version_1_again(make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")
        await store.update(b"/a", b"two", expected=2)
        await store.delete(b"/a")

        assert await store.create(b"/a", b"three") == 5

        assert await store.get(b"/a") == KeyValue(b"/a", b"three", 5, 5, 1)


async def test_update_at_the_expected_revision_replaces_the_value(make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")

        assert await store.update(b"/a", b"two", expected=2) == 3

        assert await store.get(b"/a") == KeyValue(b"/a", b"two", 3, 2, 2)


async def test_update_at_another_revision_is_a_conflict_with_the_current_state(make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")
        await store.update(b"/a", b"two", expected=2)

        with pytest.raises(ConflictError) as caught:
            await store.update(b"/a", b"three", expected=2)

        assert caught.value.expected == 2
        assert caught.value.current == KeyValue(b"/a", b"two", 3, 2, 2)


async def test_update_that_changes_no_byte_writes_nothing(make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")
        before = await store.status()

        assert await store.update(b"/a", b"one", expected=2) == 2

        assert store.current_revision() == 2
        assert (await store.status()).writes == before.writes


async def test_update_that_changes_no_byte_still_needs_the_expected_revision(make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")

        with pytest.raises(ConflictError):
            await store.update(b"/a", b"one", expected=7)


async def test_update_of_a_missing_key_is_not_found(make: Make) -> None:
    async with make() as store:
        with pytest.raises(KeyNotFoundError):
            await store.update(b"/a", b"one", expected=2)


async def test_delete_removes_the_key_and_takes_a_revision(make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")

        assert await store.delete(b"/a", expected=2) == 3

        assert await store.get(b"/a") is None
        assert store.current_revision() == 3
        with pytest.raises(KeyNotFoundError):
            await store.delete(b"/a")


async def test_delete_at_another_revision_is_a_conflict(make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")

        with pytest.raises(ConflictError) as caught:
            await store.delete(b"/a", expected=1)

        assert caught.value.current.value == b"one"
        assert await store.get(b"/a") is not None


async def test_delete_with_a_last_value_is_two_changes(make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")
        seen = Recorder()
        store.watch(b"/a", seen, after=2)

        with pytest.raises(ConflictError):
            await store.delete(b"/a", expected=1, last=b"two")
        assert await store.delete(b"/a", expected=2, last=b"two") == 4

        assert await store.get(b"/a") is None
        told = [(change.value, change.revision, change.version) for change in seen.changes]
        assert told == [(b"two", 3, 2), (None, 4, 0)]
        assert await store.get(b"/a", revision=3) == KeyValue(b"/a", b"two", 3, 2, 2)


async def test_delete_with_the_value_that_is_there_is_one_change(make: Make) -> None:
    async with make() as store:
        await store.create(b"/a", b"one")

        assert await store.delete(b"/a", last=b"one") == 3


async def test_writes_are_judged_at_the_call_in_the_order_of_the_calls(make: Make) -> None:
    async with make() as store:
        first = store.create(b"/a", b"one")
        second = store.create(b"/a", b"two")
        third = store.update(b"/a", b"three", expected=2)
        fourth = store.delete(b"/a", expected=3)
        fifth = store.create(b"/a", b"five")

        assert await first == 2
        with pytest.raises(KeyExistsError) as caught:
            await second
        assert caught.value.current == KeyValue(b"/a", b"one", 2, 2, 1)
        assert list(await asyncio.gather(third, fourth, fifth)) == [3, 4, 5]
        assert await store.get(b"/a") == KeyValue(b"/a", b"five", 5, 5, 1)


async def test_an_error_is_raised_by_the_await_not_by_the_call(make: Make) -> None:
    async with make() as store:
        missing = store.delete(b"/a")

        with pytest.raises(KeyNotFoundError):
            await missing


async def test_a_cancelled_caller_does_not_undo_its_write(make: Make) -> None:
    async with make() as store:
        asyncio.ensure_future(store.create(b"/a", b"one")).cancel()

        assert await store.create(b"/b", b"two") == 3

        assert await store.get(b"/a") is not None


async def test_concurrent_writes_get_revisions_one_by_one(make: Make) -> None:
    async with make() as store:
        writes = [store.create(b"/k/%04d" % number, b"x") for number in range(500)]

        assert await asyncio.gather(*writes) == list(range(2, 502))

        status = await store.status()
        assert (status.writes, status.keys, status.revision) == (500, 500, 501)
        assert status.logical_bytes == 500 * len(b"/k/0000x")
        assert status.commits < 500


async def test_binary_values_come_back_as_they_were(make: Make) -> None:
    value = bytes(range(256)) * 16
    async with make() as store:
        assert store.capabilities.binary_values
        await store.create(b"/a", value)
        await store.create(b"/empty", b"")

        assert [item.value for item in (await store.list(b"/")).items] == [value, b""]
