"""Leases as objects: granted, kept alive, revoked, ended by time, found again after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import cast

import pytest

from storage.errors import LeaseExistsError, LeaseNotFoundError
from storage.interface import LeasingStore
from storage.registry import StoreEntry, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from tests.storage.conftest import Make
from tests.storage.recorder import Recorder

Story = Callable[[LeasingStore], Coroutine[object, object, None]]
Play = Callable[[Story], None]


@pytest.fixture
def play(entry: StoreEntry, tmp_path: Path) -> Play:
    """Run a story on a store that opens on the same directory each time, an hour later."""
    if not entry.capabilities.lease_objects:
        pytest.skip("declares no leases as objects")
    clock = VirtualClock()

    def run(story: Story) -> None:
        async def main() -> None:
            options = StoreOptions(data_dir=tmp_path / "data", clock=clock, inline_commits=True)
            async with entry.make(options) as store:
                await story(cast(LeasingStore, store))

        run_virtual(main())
        clock.offset_s += 3600

    return run


async def test_store_has_leases_as_objects_as_declared(entry: StoreEntry, make: Make) -> None:
    async with make() as store:
        assert hasattr(store, "leases") == entry.capabilities.lease_objects


async def keys(store: LeasingStore) -> list[bytes]:
    return [item.key for item in (await store.list(b"")).items]


def test_keys_end_with_their_lease(play: Play) -> None:
    async def story(store: LeasingStore) -> None:
        lease = await store.leases.grant(10)
        await store.create(b"/a", b"one", lease=lease)
        await store.create(b"/b", b"one")
        await store.update(b"/b", b"two", expected=3, lease=lease)
        await store.create(b"/stays", b"one")

        await asyncio.sleep(9.5)
        assert await keys(store) == [b"/a", b"/b", b"/stays"]
        await asyncio.sleep(1)

        assert await keys(store) == [b"/stays"]
        assert await store.leases.lease_ids() == []

    play(story)


def test_lease_that_is_kept_alive_does_not_end(play: Play) -> None:
    async def story(store: LeasingStore) -> None:
        lease = await store.leases.grant(10)
        await store.create(b"/a", b"one", lease=lease)
        for _ in range(5):
            await asyncio.sleep(8)
            assert await store.leases.keep_alive(lease) == 10

        assert await keys(store) == [b"/a"]
        await asyncio.sleep(11)
        assert await keys(store) == []
        with pytest.raises(LeaseNotFoundError):
            await store.leases.keep_alive(lease)

    play(story)


def test_revoked_lease_takes_its_keys_along_at_one_revision(play: Play) -> None:
    async def story(store: LeasingStore) -> None:
        lease = await store.leases.grant(10)
        await asyncio.gather(*[store.create(b"/%d" % n, b"v", lease=lease) for n in range(5)])
        recorder = Recorder(after=6)
        store.watch(b"", recorder, after=6)

        assert await store.leases.revoke(lease) == 7

        # The first write of an idle store goes alone, those that join it go together.
        assert len(recorder.batches) <= 2
        assert all(change.value is None for change in recorder.changes)
        assert await keys(store) == []
        assert await store.leases.revoke(await store.leases.grant(10)) == 0

    play(story)


def test_revocation_counts_writes_that_are_pending(play: Play) -> None:
    async def story(store: LeasingStore) -> None:
        lease = await store.leases.grant(10)
        await store.create(b"/detached", b"one", lease=lease)
        writes = [
            store.create(b"/attached", b"one", lease=lease),
            store.update(b"/detached", b"two", expected=2),
        ]

        revoked = asyncio.ensure_future(store.leases.revoke(lease))
        await asyncio.gather(*writes)
        await revoked

        assert await keys(store) == [b"/detached"]

    play(story)


def test_key_that_was_written_without_the_lease_stays(play: Play) -> None:
    async def story(store: LeasingStore) -> None:
        first, second = await store.leases.grant(10), await store.leases.grant(20)
        await store.create(b"/freed", b"one", lease=first)
        await store.create(b"/moved", b"one", lease=first)
        await store.create(b"/timed", b"one", lease=first)
        await store.create(b"/again", b"one", lease=first)
        await store.update(b"/freed", b"two", expected=2)
        await store.update(b"/moved", b"two", expected=3, lease=second)
        await store.update(b"/timed", b"two", expected=4, ttl_s=30)
        await store.delete(b"/again")
        await store.create(b"/again", b"two")

        assert (await store.leases.time_to_live(first)).keys == ()
        assert (await store.leases.time_to_live(second)).keys == (b"/moved",)
        await asyncio.sleep(15)
        assert await keys(store) == [b"/again", b"/freed", b"/moved", b"/timed"]
        await asyncio.sleep(10)
        assert await keys(store) == [b"/again", b"/freed", b"/timed"]
        await asyncio.sleep(10)
        assert await keys(store) == [b"/again", b"/freed"]

    play(story)


def test_update_of_nothing_but_the_lease_writes(play: Play) -> None:
    async def story(store: LeasingStore) -> None:
        first, second = await store.leases.grant(10), await store.leases.grant(20)
        await store.create(b"/a", b"one", lease=first)
        pending = store.update(b"/a", b"one", expected=2, lease=second)
        assert await pending == 3
        assert await store.update(b"/a", b"one", expected=3, lease=second) == 3
        await asyncio.sleep(15)
        assert await keys(store) == [b"/a"]

        assert await store.update(b"/a", b"one", expected=3) == 4
        await asyncio.sleep(15)
        assert await keys(store) == [b"/a"]

    play(story)


def test_lease_stands_in_states_and_changes(play: Play) -> None:
    async def story(store: LeasingStore) -> None:
        live, late = Recorder(after=1), Recorder(after=1)
        store.watch(b"/", live, after=1)
        await store.leases.grant(10, lease_id=7)
        await store.create(b"/a", b"one", lease=7)
        await store.update(b"/a", b"two", expected=2)
        await store.create(b"/b", b"one", lease=7)
        await store.delete(b"/b")
        store.watch(b"/", late, after=1)
        await late.reach(5)

        states = [await store.get(b"/a", revision=2), await store.get(b"/a")]
        assert [state.lease for state in states if state is not None] == [7, 0]
        listed = [item.lease for item in (await store.list(b"", revision=4)).items]
        assert listed == [0, 7]
        for recorder in (live, late):
            assert [change.lease for change in recorder.changes] == [7, 0, 7, 0]
            before = [change.previous.lease for change in recorder.changes if change.previous]
            assert before == [7, 7]

    play(story)


def test_lease_that_ends_by_time_deletes_its_keys_at_one_revision(play: Play) -> None:
    async def story(store: LeasingStore) -> None:
        await store.leases.grant(10, lease_id=7)
        for key in (b"/c", b"/a", b"/b"):
            await store.create(key, b"one", lease=7)
        recorder = Recorder(after=4)
        store.watch(b"/", recorder, after=4)
        await asyncio.sleep(12)

        assert store.current_revision() == 5
        (batch,) = [each for each in recorder.batches if each.changes]
        assert [(c.key, c.revision) for c in batch.changes] == [(b"/a", 5), (b"/b", 5), (b"/c", 5)]

    play(story)


def test_lease_tells_what_is_left_of_it(play: Play) -> None:
    async def story(store: LeasingStore) -> None:
        lease = await store.leases.grant(10, lease_id=77)
        await store.create(b"/b", b"one", lease=lease)
        await store.create(b"/a", b"one", lease=lease)
        await asyncio.sleep(4)

        assert await store.leases.time_to_live(77) == (77, 10, 6000, (b"/a", b"/b"))
        assert await store.leases.lease_ids() == [77]

    play(story)


def test_unknown_and_taken_leases_are_refused(play: Play) -> None:
    async def story(store: LeasingStore) -> None:
        await store.leases.grant(10, lease_id=7)
        with pytest.raises(LeaseExistsError):
            await store.leases.grant(10, lease_id=7)
        with pytest.raises(ValueError, match="lease of 0 s"):
            await store.leases.grant(0)
        for call in (store.leases.keep_alive, store.leases.revoke, store.leases.time_to_live):
            with pytest.raises(LeaseNotFoundError):
                await call(8)
        with pytest.raises(LeaseNotFoundError):
            await store.create(b"/a", b"one", lease=8)

        assert await keys(store) == []
        assert await store.leases.grant(10) != 7

    play(story)


def test_durable_lease_is_found_again_with_its_whole_time(entry: StoreEntry, play: Play) -> None:
    if not entry.capabilities.durable:
        pytest.skip("declares no durability")

    async def before(store: LeasingStore) -> None:
        await store.leases.grant(10, lease_id=7)
        await store.create(b"/a", b"one", lease=7)
        await store.leases.grant(10, lease_id=8)
        await store.create(b"/b", b"one", lease=8)
        await store.leases.revoke(8)

    async def after(store: LeasingStore) -> None:
        assert await store.leases.lease_ids() == [7]
        assert (await store.leases.time_to_live(7)).keys == (b"/a",)
        await asyncio.sleep(9)
        assert await keys(store) == [b"/a"]
        await asyncio.sleep(2)
        assert await keys(store) == []

    play(before)
    play(after)
    play(_nothing)


async def _nothing(store: LeasingStore) -> None:
    assert await keys(store) == []
    assert await store.leases.lease_ids() == []


def test_many_leases_that_end_together_all_end(play: Play) -> None:
    async def story(store: LeasingStore) -> None:
        for number in range(250):
            lease = await store.leases.grant(10)
            await store.create(b"/%d" % number, b"v", lease=lease)
        await asyncio.sleep(12)

        assert await keys(store) == []
        assert await store.leases.lease_ids() == []

    play(story)
