"""The feed: what it tells of keys that are not its own, and how much it remembers."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.clock import SystemClock
from storage.engine.watch_hub import EAGER_MARKS
from storage.errors import ConflictError
from storage.mvcc import PutOp, Txn
from storage.records import Batch, Change, KeyValue
from storage.remote import ring as ring_module
from storage.remote.etcd3.store import RemoteStore
from storage.remote.ring import Ring
from storage.remote.url import parse_url
from tests.storage.recorder import Recorder
from tests.storage.serve.served import Served, served

PATIENCE_S = 20.0


def inside(engine: Served) -> RemoteStore:
    """Return a store of the keys under a prefix of the server."""
    return RemoteStore(parse_url(f"etcd3://{engine.target}?prefix=/inside"), SystemClock())


async def reached(store: RemoteStore, revision: int) -> None:
    """Return once a store has been told of a revision, by whatever key."""
    async with asyncio.timeout(PATIENCE_S):
        while store.current_revision() < revision:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("watches", [1, EAGER_MARKS + 1])
async def test_foreign_keys_are_progress_and_nothing_else(watches: int) -> None:
    async with served() as engine, inside(engine) as store:
        start = store.current_revision()
        recorders = [Recorder(start) for _ in range(watches)]
        for recorder in recorders:
            store.watch(b"/", recorder, after=start)

        for number in range(3):
            last = await engine.put(b"/outside/%d" % number)
            await reached(store, last)

            assert await store.latest_revision() == store.current_revision() == last
        for recorder in recorders:
            await recorder.reach(start + 3)

        assert {batch.changes for recorder in recorders for batch in recorder.batches} == {()}
        assert (await store.list(b"")).items == []
        assert (await store.status()).keys == await store.count(b"") == 0


async def test_own_keys_are_told_between_foreign_ones() -> None:
    async with served() as engine, inside(engine) as store:
        start = store.current_revision()
        live = Recorder(start)
        store.watch(b"", live, after=start)
        own = []
        for number in range(5):
            await engine.put(b"/outside/%d" % number)
            own.append(await store.create(b"/%d" % number, b"v"))
            assert live.revision >= own[-1]
        with pytest.raises(ConflictError):
            await store.update(b"/0", b"w", expected=start)
        last = await engine.put(b"/insid")
        late = Recorder(start)
        store.watch(b"/", late, after=start)
        await late.reach(last)

        assert live.revisions == late.revisions == own
        found = await engine.store.get(b"/inside/3")
        assert found is not None
        assert found.revision == own[3]


async def test_replay_passes_foreign_keys_over_and_marks_its_end() -> None:
    async with served() as engine:
        await engine.put(b"/outside")
        own_revision = await engine.put(b"/inside/a")
        for number in range(3):
            await engine.put(b"/outside/%d" % number)
        last = engine.store.current_revision()
        async with inside(engine) as store:
            replayed = Recorder(1)
            store.watch(b"/", replayed, after=1)
            await replayed.reach(last)

            assert replayed.revisions == [own_revision]
            assert replayed.batches[-1] == Batch(last, ())


def change(revision: int, size: int, before: int) -> Change:
    previous = KeyValue(b"/k", bytes(before), 1, 1, 1) if before else None
    value = bytes(size) if size else None
    return Change(b"/k", value, revision, 1, previous, 2 if size else 0)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=4),
        max_size=30,
    )
)
def test_ring_is_bounded_and_complete_above_its_floor(
    groups: list[list[tuple[int, int]]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ring_module, "RING_MAX", 12)
        patch.setattr(ring_module, "RING_BYTES_MAX", 300)
        ring, told = Ring(7), list[Change]()
        for revision, group in enumerate(groups, 8):
            made = [change(revision, size, before) for size, before in group]
            ring.extend(made)
            told += made

            kept = ring.page(b"", ring.floor, revision)[1]
            assert kept == [each for each in told if each.revision > ring.floor]
            assert len(kept) <= 12
            assert sum(weight(each) for each in kept) <= 300
            lost = [each for each in told if each.revision == ring.floor]
            if lost:  # no more than had to
                more = lost + kept
                assert len(more) > 12 or sum(weight(each) for each in more) > 300


def weight(each: Change) -> int:
    return len(each.value or b"") + (len(each.previous.value) if each.previous else 0)


async def test_replay_that_recent_history_outruns_goes_on_in_etcds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = 2000
    monkeypatch.setattr(ring_module, "HISTORY_PAGE", 1)
    monkeypatch.setattr(ring_module, "RING_MAX", many)
    async with served() as engine, inside(engine) as store:
        start, end = store.current_revision(), store.current_revision() + many + 1
        await asyncio.gather(*[engine.store.create(b"/inside/%d" % n, b"v") for n in range(many)])
        await reached(store, start + many)
        whole, rare, cancelled = (Recorder(start) for _ in range(3))
        store.watch(b"/", whole, after=start)
        store.watch(b"/new/7", rare, after=start)
        watch = store.watch(b"/", cancelled, after=start)
        puts = tuple(PutOp(b"/inside/new/%d" % number, b"v") for number in range(many + 1))
        await engine.store.txn(Txn((), puts))
        await reached(store, end)
        watch.cancel()
        told = len(cancelled.changes)
        for recorder in (whole, rare):
            await recorder.reach(end)
        last = await store.create(b"/last", b"v")

        assert whole.revisions == [*range(start + 1, end), *[end] * len(puts), last]
        assert {each.key[:6] for each in rare.changes} == {b"/new/7"}
        assert len(cancelled.changes) == told < many
        assert whole.error is rare.error is cancelled.error is None
