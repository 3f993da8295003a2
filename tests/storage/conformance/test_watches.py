"""Watches: order, resumption, isolation, ends, and delivery before the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from storage.errors import KeyExistsError
from storage.interface import Store, Watch
from storage.records import Batch, Change, KeyValue
from storage.registry import StoreEntry
from tests.storage.conformance.revisions import Revisions
from tests.storage.conftest import Make
from tests.storage.recorder import Recorder


async def history(store: Store) -> None:
    """Write revisions 2 to 6 under /a/ and /b/."""
    at = Revisions(store)
    await store.create(b"/a/1", b"one")
    await store.create(b"/b/1", b"one")
    await store.update(b"/a/1", b"two", expected=at(2))
    await store.delete(b"/b/1")
    await store.create(b"/b/1", b"three")


def written(at: Revisions) -> list[Change]:
    """Return the changes of ``history``."""
    return [
        Change(b"/a/1", b"one", at(2), at(2), None, 1),
        Change(b"/b/1", b"one", at(3), at(3), None, 1),
        Change(b"/a/1", b"two", at(4), at(2), KeyValue(b"/a/1", b"one", at(2), at(2), 1), 2),
        Change(b"/b/1", None, at(5), at(3), KeyValue(b"/b/1", b"one", at(3), at(3), 1), 0),
        Change(b"/b/1", b"three", at(6), at(6), None, 1),
    ]


def agrees(seen: list[Change], expected: list[Change]) -> bool:
    """Compare changes; a previous value may be missing, never wrong (best effort)."""
    return len(seen) == len(expected) and all(
        a._replace(previous=None, create_revision=0) == b._replace(previous=None, create_revision=0)
        and a.previous in (None, b.previous)
        for a, b in zip(seen, expected, strict=True)
    )


async def test_watch_delivers_changes_as_they_are_made(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(1))
        store.watch(b"/", recorder, after=at(1))

        await history(store)

        assert agrees(recorder.changes, written(at))
        assert [change.created for change in recorder.changes] == [True, True, False, False, True]


@pytest.mark.parametrize("after", range(1, 7))
async def test_watch_resumes_after_any_revision(make: Make, after: int) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(after))
        await history(store)

        store.watch(b"/", recorder, after=at(after))
        await store.create(b"/c", b"last")

        await recorder.reach(at(7))
        assert agrees(recorder.changes[:-1], written(at)[after - 1 :])
        assert recorder.changes[-1].key == b"/c"


async def test_watch_sees_its_prefix_alone(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        live, replayed = Recorder(after=at(1)), Recorder(after=at(1))
        store.watch(b"/a/", live, after=at(1))
        await history(store)
        store.watch(b"/a/", replayed, after=at(1))
        await replayed.reach(at(6))

        assert live.revisions == replayed.revisions == at.each([2, 4])


async def test_watches_of_nested_prefixes_each_get_their_changes(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorders = {
            prefix: Recorder(after=at(1)) for prefix in (b"", b"/", b"/a/", b"/a/1", b"/x")
        }
        for prefix, recorder in recorders.items():
            store.watch(prefix, recorder, after=at(1))

        await history(store)

        told = {prefix: recorder.revisions for prefix, recorder in recorders.items()}
        every, some = at.each(range(2, 7)), at.each([2, 4])
        assert told == {b"": every, b"/": every, b"/a/": some, b"/a/1": some, b"/x": []}


async def test_key_shorter_than_another_watched_prefix_is_told_once(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        short, longer = Recorder(after=at(1)), Recorder(after=at(1))
        store.watch(b"/b", short, after=at(1))
        store.watch(b"/a/", longer, after=at(1))

        await store.create(b"/b", b"one")

        assert (short.revisions, longer.revisions) == ([at(2)], [])


async def test_watch_learns_that_nothing_changed_under_its_prefix(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(1))
        store.watch(b"/x/", recorder, after=at(1))
        await history(store)

        await recorder.reach(at(6))
        assert recorder.batches[-1] == Batch(at(6), ())


async def test_replay_ends_with_a_mark_at_the_current_revision(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(2))
        await history(store)
        store.watch(b"/a/", recorder, after=at(2))

        await recorder.reach(at(6))
        assert recorder.revisions == at.each([4])


async def test_watch_of_a_future_revision_begins_there(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(4))
        store.watch(b"/", recorder, after=at(4))

        await history(store)

        assert agrees(recorder.changes, written(at)[3:])


async def test_watch_of_a_future_revision_begins_within_a_group(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(50))
        store.watch(b"/", recorder, after=at(50))

        await asyncio.gather(*[store.create(b"/%d" % number, b"v") for number in range(99)])

        assert recorder.revisions == at.each(range(51, 101))


async def test_replay_delivers_on_a_later_turn(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(1))
        await history(store)

        store.watch(b"/", recorder, after=at(1))

        assert recorder.batches == []


async def test_long_replay_joins_the_live_changes_without_gap_or_repeat(
    entry: StoreEntry, make: Make
) -> None:
    count = min(1500, (entry.capabilities.history_events or 1500) - 100)
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(1))
        await asyncio.gather(*[store.create(b"/k/%d" % n, b"v") for n in range(count)])
        store.watch(b"/k/", recorder, after=at(1))
        for number in range(count, count + 20):
            await store.create(b"/k/%d" % number, b"v")

        await recorder.reach(at(count + 21))
        assert recorder.revisions == at.each(range(2, count + 22))


async def test_cancelled_watch_is_told_nothing_more(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        live, replaying = Recorder(after=at(1)), Recorder(after=at(1))
        first = store.watch(b"/", live, after=at(1))
        await store.create(b"/a", b"one")
        second = store.watch(b"/", replaying, after=at(1))

        for watch in (first, second, first):
            watch.cancel()
        await store.create(b"/b", b"one")

        assert live.revisions == at.each([2])
        assert replaying.batches == []
        assert live.error is None


class Cancelling(Recorder):
    """Cancels other watches from within ``deliver``."""

    def __init__(self, after: int) -> None:
        super().__init__(after)
        self.victims: list[Watch] = []

    def deliver(self, batch: Batch) -> None:
        super().deliver(batch)
        for watch in self.victims:
            watch.cancel()


async def test_watch_cancelled_during_a_delivery_is_told_nothing_more(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        cancelling, victim = Cancelling(at(1)), Recorder(after=at(1))
        own = store.watch(b"/", cancelling, after=at(1))
        cancelling.victims += [own, store.watch(b"/", victim, after=at(1))]

        await store.create(b"/a", b"one")
        await store.create(b"/b", b"one")

        assert cancelling.revisions == at.each([2])
        assert victim.batches == []


async def test_change_is_delivered_before_its_writer_is_answered(make: Make) -> None:
    order: list[str] = []
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(1))
        store.watch(b"/", recorder, after=at(1))

        async def write(number: int) -> None:
            revision = await store.create(b"/k/%d" % number, b"v")
            order.append("answered" if revision <= recorder.revision else "too early")

        await asyncio.gather(*[write(number) for number in range(50)])

        assert order == ["answered"] * 50


async def test_change_can_be_read_when_it_is_delivered(make: Make) -> None:
    class Reading(Recorder):
        def deliver(self, batch: Batch) -> None:
            assert store.current_revision() >= batch.revision
            super().deliver(batch)

    async with make() as store:
        at = Revisions(store)
        recorder = Reading(after=at(1))
        store.watch(b"/", recorder, after=at(1))

        await history(store)

        assert recorder.revision == at(6)


async def test_conflict_on_a_pending_write_is_answered_after_its_delivery(
    entry: StoreEntry, make: Make
) -> None:
    async with make() as store:
        at = Revisions(store)
        recorder = Recorder(after=at(1))
        store.watch(b"/", recorder, after=at(1))
        writes = [store.create(b"/a", value) for value in (b"one", b"two")]
        lost = list[bytes]()

        async def answered(write: Awaitable[int], other: bytes) -> None:
            try:
                assert await write == at(2)
            except KeyExistsError as error:
                current = error.current
            else:
                return
            assert recorder.revisions == [at(2)]
            assert current == KeyValue(b"/a", other, at(2), at(2), 1)
            lost.append(other)

        await asyncio.gather(answered(writes[0], b"two"), answered(writes[1], b"one"))

        assert lost == [b"one"] or (lost == [b"two"] and not entry.capabilities.ordered_writes)


async def test_many_watches_of_one_prefix_are_all_told(make: Make) -> None:
    async with make() as store:
        at = Revisions(store)
        recorders = [Recorder(after=at(1)) for _ in range(200)]
        for number, recorder in enumerate(recorders):
            store.watch(b"/a/" if number % 2 else b"/b/", recorder, after=at(1))

        await history(store)
        for recorder in recorders:
            await recorder.reach(at(6))

        assert {tuple(r.revisions) for r in recorders[::2]} == {tuple(at.each([3, 5, 6]))}
        assert {tuple(r.revisions) for r in recorders[1::2]} == {tuple(at.each([2, 4]))}
