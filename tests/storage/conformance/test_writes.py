"""Writes: how they are judged, and what they answer."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import ConflictError, KeyExistsError, KeyNotFoundError, UnsupportedError
from storage.records import KeyValue
from storage.registry import StoreEntry
from tests.storage.conformance.revisions import Revisions
from tests.storage.conftest import Make
from tests.storage.recorder import Recorder

LOST = KeyExistsError | ConflictError


async def test_new_store_is_at_revision_1(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        assert await store.latest_revision() == store.current_revision()
        if entry.capabilities.dense_revisions and not entry.capabilities.others_write:
            assert store.current_revision() == 1


async def test_create_makes_the_key_at_the_next_revision(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        assert await store.create(b"/a", b"one") == at(2)

        assert await store.get(b"/a") == KeyValue(b"/a", b"one", at(2), at(2), 1)
        assert store.current_revision() == at(2)


async def test_create_of_an_existing_key_answers_its_state(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")

        with pytest.raises(KeyExistsError) as caught:
            await store.create(b"/a", b"two")

        assert caught.value.current == KeyValue(b"/a", b"one", at(2), at(2), 1)
        assert store.current_revision() == at(2)


async def test_create_after_a_delete_starts_at_version_1_again(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")
        await store.update(b"/a", b"two", expected=at(2))
        await store.delete(b"/a")

        assert await store.create(b"/a", b"three") == at(5)

        assert await store.get(b"/a") == KeyValue(b"/a", b"three", at(5), at(5), 1)


async def test_update_at_the_expected_revision_replaces_the_value(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")

        assert await store.update(b"/a", b"two", expected=at(2)) == at(3)

        assert await store.get(b"/a") == KeyValue(b"/a", b"two", at(3), at(2), 2)


async def test_update_at_another_revision_is_a_conflict_with_the_current_state(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")
        await store.update(b"/a", b"two", expected=at(2))

        with pytest.raises(ConflictError) as caught:
            await store.update(b"/a", b"three", expected=at(2))

        assert caught.value.expected == at(2)
        assert caught.value.current == KeyValue(b"/a", b"two", at(3), at(2), 2)


async def test_update_that_changes_no_byte_writes_nothing(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")
        before = await store.status()

        assert await store.update(b"/a", b"one", expected=at(2)) == at(2)

        assert store.current_revision() == at(2)
        assert (await store.status()).writes == before.writes


async def test_update_that_changes_no_byte_still_needs_the_expected_revision(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")

        with pytest.raises(ConflictError):
            await store.update(b"/a", b"one", expected=at(7))


async def test_update_of_a_missing_key_is_not_found(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        with pytest.raises(KeyNotFoundError):
            await store.update(b"/a", b"one", expected=at(2))


async def test_delete_removes_the_key_and_takes_a_revision(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")

        assert await store.delete(b"/a", expected=at(2)) == at(3)

        assert await store.get(b"/a") is None
        assert store.current_revision() == at(3)
        with pytest.raises(KeyNotFoundError):
            await store.delete(b"/a")


async def test_delete_at_another_revision_is_a_conflict(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")

        with pytest.raises(ConflictError) as caught:
            await store.delete(b"/a", expected=at(1))

        assert caught.value.current.value == b"one"
        assert await store.get(b"/a") is not None


async def test_delete_with_a_last_value_is_two_changes(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")
        seen = Recorder()
        store.watch(b"/a", seen, after=at(2))

        with pytest.raises(ConflictError):
            await store.delete(b"/a", expected=at(1), last=b"two")
        assert await store.delete(b"/a", expected=at(2), last=b"two") == at(4)

        assert await store.get(b"/a") is None
        told = [(change.value, change.revision, change.version) for change in seen.changes]
        assert told == [(b"two", at(3), 2), (None, at(4), 0)]
        if entry.capabilities.old_revisions:
            old = await store.get(b"/a", revision=at(3))
            assert old == KeyValue(b"/a", b"two", at(3), at(2), 2)


async def test_delete_with_the_value_that_is_there_is_one_change(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        await store.create(b"/a", b"one")

        assert await store.delete(b"/a", last=b"one") == at(3)


async def test_writes_are_judged_at_the_call_in_the_order_of_the_calls(
    entry: StoreEntry, make: Make
) -> None:
    if not entry.capabilities.ordered_writes:
        pytest.skip("declares that writes under way together happen in any order; see the next")
    async with make() as store:
        at = Revisions(store)
        first = store.create(b"/a", b"one")
        second = store.create(b"/a", b"two")
        third = store.update(b"/a", b"three", expected=at(2))
        fourth = store.delete(b"/a", expected=at(3))
        fifth = store.create(b"/a", b"five")

        assert await first == at(2)
        with pytest.raises(KeyExistsError) as caught:
            await second
        assert caught.value.current == KeyValue(b"/a", b"one", at(2), at(2), 1)
        assert list(await asyncio.gather(third, fourth, fifth)) == at.each([3, 4, 5])
        assert await store.get(b"/a") == KeyValue(b"/a", b"five", at(5), at(5), 1)


async def test_of_writes_under_way_together_one_is_first(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        for expected, revision in ((0, at(2)), (at(2), at(3))):
            values = [b"%d.%d" % (revision, number) for number in range(8)]
            answers = await asyncio.gather(
                *[
                    store.update(b"/a", value, expected=expected)
                    if expected
                    else store.create(b"/a", value)
                    for value in values
                ],
                return_exceptions=True,
            )

            (winner,) = (n for n, answer in enumerate(answers) if answer == revision)
            state = KeyValue(b"/a", values[winner], revision, at(2), revision - at(1))
            losers = answers[:winner] + answers[winner + 1 :]
            assert [error.current for error in losers if isinstance(error, LOST)] == [state] * 7
            assert await store.get(b"/a") == state
            assert winner == 0 or not entry.capabilities.ordered_writes


async def test_an_error_is_raised_by_the_await_not_by_the_call(make: Make) -> None:
    async with make() as store:
        missing = store.delete(b"/a")

        with pytest.raises(KeyNotFoundError):
            await missing


async def test_a_cancelled_caller_does_not_undo_its_write(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(1))
        store.watch(b"/", recorder, after=at(1))
        asyncio.ensure_future(store.create(b"/a", b"one")).cancel()

        written = await store.create(b"/b", b"two")

        assert written == at(3) or (written == at(2) and not entry.capabilities.ordered_writes)
        await recorder.reach(at(3))
        assert await store.get(b"/a") is not None


async def test_concurrent_writes_get_revisions_one_by_one(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        writes = [store.create(b"/k/%04d" % number, b"x") for number in range(500)]

        revisions = await asyncio.gather(*writes)

        expected = at.each(range(2, 502))
        ordered = entry.capabilities.ordered_writes
        assert (revisions if ordered else sorted(revisions)) == expected
        status = await store.status()
        assert (status.writes, status.keys, status.revision) == (500, 500, at(501))
        if entry.capabilities.others_write:
            assert status.logical_bytes >= 500 * len(b"/k/0000x")
            assert 0 < status.commits <= 500
        else:
            assert status.logical_bytes == 500 * len(b"/k/0000x")
            assert status.commits < 500


async def test_version_counts_writes_as_declared(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        revision = await store.create(b"/a", b"0")
        seen = Recorder(after=revision)
        store.watch(b"/a", seen, after=revision)
        for number in range(1, 4):
            revision = await store.update(b"/a", b"%d" % number, expected=revision)

        state = await store.get(b"/a")
        versions = [2, 3, 4] if entry.capabilities.versions else [2, 2, 2]
        assert [change.version for change in seen.changes] == versions
        assert state is not None
        assert state.version == versions[-1]


async def test_values_that_are_not_text_are_kept_or_refused_as_declared(
    entry: StoreEntry, make: Make
) -> None:
    value = bytes(range(256)) * 16
    async with make() as store:
        assert store.capabilities.binary_values == entry.capabilities.binary_values
        if entry.capabilities.binary_values:
            await store.create(b"/a", value)
            await store.create(b"/empty", b"")

            assert [item.value for item in (await store.list(b"/")).items] == [value, b""]
            return
        revision = await store.create(b"/kept", b"")
        for refused in (
            store.create(b"/a", value),
            store.update(b"/kept", value, expected=revision),
            store.delete(b"/kept", expected=revision, last=value),
        ):
            with pytest.raises(UnsupportedError):
                await refused

        assert store.current_revision() == revision
        assert [(item.key, item.value) for item in (await store.list(b"/")).items] == [
            (b"/kept", b"")
        ]


async def test_text_of_any_kind_comes_back_as_it_was(make: Make) -> None:
    values = ["", "plain", "ümläut \U0001f600", "\x00\x01\x7f", "a\r\n\tb", '<&>"\\ +%2B']
    async with make() as store:
        for number, value in enumerate(values):
            await store.create(b"/%d" % number, value.encode())

        items = (await store.list(b"/")).items
        assert [item.value.decode() for item in items] == values
        one = await store.get(b"/3")
        assert one is not None
        assert one.value.decode() == values[3]


NOT_IN_A_TREE = [
    b"",
    b"/",
    b"none",
    b"/a/",
    b"//a",
    b"/a//b",
    b"/a/./b",
    b"/a/..",
    b"/_hidden",
    b"/a/_hidden/b",
    b"/\xff",
    b"/kept/below",
    b"/folder",
]


@pytest.mark.parametrize("key", NOT_IN_A_TREE)
async def test_key_that_a_tree_cannot_hold_is_refused_as_declared(
    entry: StoreEntry, make: Make, key: bytes
) -> None:
    if not entry.capabilities.tree_keys:
        pytest.skip("declares that keys are any bytes")
    async with make() as store:
        await store.create(b"/kept", b"one")
        revision = await store.create(b"/folder/inner", b"one")
        before = await store.list(b"")

        with pytest.raises(UnsupportedError):
            await store.create(key, b"two")

        assert await store.get(key) is None
        assert await store.list(b"") == before
        assert store.current_revision() == revision


@pytest.mark.parametrize("key", [b"\xff\x00", b"/a//b", b"/_a", b"/a/b"])
async def test_key_of_any_bytes_is_kept_as_declared(
    entry: StoreEntry, make: Make, key: bytes
) -> None:
    if entry.capabilities.tree_keys:
        pytest.skip("declares that keys form a tree")
    async with make() as store:
        await store.create(b"/a", b"one")
        await store.create(key, b"two")

        assert [item.key for item in (await store.list(b"")).items] == sorted([b"/a", key])
