"""Transactions: one revision, branches, and what each operation sees."""

from __future__ import annotations

import asyncio

import pytest

from storage.engine.store import EngineStore
from storage.errors import (
    CompactedError,
    FutureRevisionError,
    KeyNotFoundError,
    LeaseNotFoundError,
    StoreError,
)
from storage.mvcc import (
    Compare,
    CompareResult,
    CompareTarget,
    Deleted,
    DeleteOp,
    Op,
    PutDone,
    PutOp,
    Ranged,
    RangeOp,
    Span,
    Txn,
    TxnDone,
)
from storage.records import KeyValue
from tests.storage.mvcc.conftest import Play
from tests.storage.recorder import Recorder

EVERY = Span(b"\0", b"\0")


def ops(*operations: Op) -> Txn:
    return Txn((), operations)


def put(key: bytes, value: bytes = b"v") -> PutOp:
    return PutOp(key, value)


def test_writes_of_a_transaction_share_a_revision(play: Play) -> None:
    async def story(store: EngineStore) -> None:
        recorder = Recorder(after=1)
        store.watch(b"/", recorder, after=1)
        await store.txn(ops(put(b"/z")))

        done = await store.txn(ops(put(b"/b"), put(b"/a", b"w"), DeleteOp(Span(b"/z"), True)))

        gone = KeyValue(b"/z", b"v", 2, 2, 1)
        assert done == TxnDone(True, [PutDone(None), PutDone(None), Deleted(1, [gone])], 3)
        found, revision = await store.range(RangeOp(EVERY))
        assert revision == 3
        assert found.kvs == [KeyValue(b"/a", b"w", 3, 3, 1), KeyValue(b"/b", b"v", 3, 3, 1)]
        assert [c.key for c in recorder.batches[-1].changes] == [b"/b", b"/a", b"/z"]
        assert await store.get(b"/z", revision=2) == gone

    play(story)


def test_operations_see_those_before_them(play: Play) -> None:
    async def story(store: EngineStore) -> None:
        await store.txn(ops(put(b"/a", b"one")))
        look = RangeOp(Span(b"/a"))

        done = await store.txn(
            ops(
                look,
                put(b"/a", b"two"),
                look,
                DeleteOp(Span(b"/a")),
                look,
                RangeOp(Span(b"/a"), revision=2),
            )
        )

        states = [done.results[place] for place in (0, 2, 4, 5)]
        values = [[kv.value for kv in each.kvs] for each in states if isinstance(each, Ranged)]
        assert values == [[b"one"], [b"two"], [], [b"one"]]
        assert await store.get(b"/a") is None
        assert store.current_revision() == 3

    play(story)


def test_transaction_sees_what_is_pending(play: Play) -> None:
    async def story(store: EngineStore) -> None:
        first = store.txn(ops(put(b"/a"), put(b"/b")))
        second = store.create(b"/c", b"v")
        counted = store.txn(ops(RangeOp(EVERY, count_only=True), RangeOp(EVERY, limit=2)))
        gone = store.txn(ops(DeleteOp(Span(b"/b", b"/d"))))

        answers = await asyncio.gather(first, second, counted, gone)

        assert answers[0].revision == 2
        assert answers[1] == 3
        kvs = [KeyValue(b"/a", b"v", 2, 2, 1), KeyValue(b"/b", b"v", 2, 2, 1)]
        assert answers[2] == TxnDone(True, [Ranged([], False, 3), Ranged(kvs, True, 3)], 3)
        assert answers[3] == TxnDone(True, [Deleted(2, [])], 4)
        assert store.current_revision() == 4

    play(story)


def test_transaction_that_writes_nothing_takes_no_revision(play: Play) -> None:
    async def story(store: EngineStore) -> None:
        await store.txn(ops(put(b"/a")))

        done = await store.txn(ops(DeleteOp(Span(b"/none")), RangeOp(Span(b"/a"))))

        assert done.revision == 2
        assert store.current_revision() == 2

    play(story)


@pytest.mark.parametrize(
    ("span", "target", "result", "operand", "holds"),
    [
        (Span(b"/a"), CompareTarget.VERSION, CompareResult.EQUAL, 2, True),
        (Span(b"/a"), CompareTarget.CREATE, CompareResult.LESS, 3, True),
        (Span(b"/a"), CompareTarget.MOD, CompareResult.GREATER, 3, False),
        (Span(b"/a"), CompareTarget.VALUE, CompareResult.NOT_EQUAL, b"one", True),
        (Span(b"/a"), CompareTarget.LEASE, CompareResult.EQUAL, 0, True),
        (Span(b"/none"), CompareTarget.VERSION, CompareResult.EQUAL, 0, True),
        (Span(b"/none"), CompareTarget.MOD, CompareResult.LESS, 1, True),
        (Span(b"/none"), CompareTarget.VALUE, CompareResult.NOT_EQUAL, b"x", False),
        (Span(b"/none"), CompareTarget.VALUE, CompareResult.EQUAL, b"", False),
        (Span(b"/", b"0"), CompareTarget.VERSION, CompareResult.GREATER, 0, True),
        (Span(b"/", b"0"), CompareTarget.VERSION, CompareResult.EQUAL, 2, False),
        (Span(b"/x", b"\0"), CompareTarget.CREATE, CompareResult.EQUAL, 0, True),
    ],
)
def test_compare(
    play: Play,
    span: Span,
    target: CompareTarget,
    result: CompareResult,
    operand: int | bytes,
    holds: bool,
) -> None:
    async def story(store: EngineStore) -> None:
        await store.txn(ops(put(b"/a", b"one"), put(b"/b", b"one")))
        await store.txn(ops(put(b"/a", b"two")))

        done = await store.txn(
            Txn((Compare(span, target, result, operand),), (put(b"/yes"),), (put(b"/no"),))
        )

        assert done.succeeded is holds
        assert (await store.get(b"/yes") is not None) is holds
        assert (await store.get(b"/no") is None) is holds

    play(story)


def test_nested_compares_are_judged_on_the_state_before(play: Play) -> None:
    absent = Compare(Span(b"/a"), CompareTarget.VERSION, CompareResult.EQUAL, 0)

    async def story(store: EngineStore) -> None:
        inner = Txn((absent,), (put(b"/first"), Txn((absent,), (put(b"/second"),))), ())

        done = await store.txn(ops(put(b"/a"), inner, Txn((), (), ()), inner._replace(success=())))

        deepest = TxnDone(True, [PutDone(None)], 0)
        nested = TxnDone(True, [PutDone(None), deepest], 0)
        empty = TxnDone(True, [], 0)
        assert done == TxnDone(True, [PutDone(None), nested, empty, empty], 2)
        assert (await store.range(RangeOp(EVERY, count_only=True)))[0].total == 3

    play(story)


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (PutOp(b"/b", b"v", lease=99), LeaseNotFoundError),
        (PutOp(b"/none", b"", ignore_value=True), KeyNotFoundError),
        (PutOp(b"/none", b"v", ignore_lease=True), KeyNotFoundError),
        (RangeOp(Span(b"/a"), revision=9), FutureRevisionError),
        (RangeOp(Span(b"/a"), revision=2), CompactedError),
    ],
)
def test_error_leaves_everything_as_it_was(
    play: Play, operation: Op, error: type[StoreError]
) -> None:
    async def story(store: EngineStore) -> None:
        for value in (b"one", b"two", b"three"):
            await store.txn(ops(put(b"/a", value)))
        await store.compact(3)

        with pytest.raises(error):
            await store.txn(ops(put(b"/a", b"lost"), DeleteOp(EVERY), put(b"/c"), operation))

        assert store.current_revision() == 4
        assert (await store.range(RangeOp(EVERY)))[0].kvs == [KeyValue(b"/a", b"three", 4, 2, 3)]
        assert (await store.txn(ops(put(b"/a", b"four")))).revision == 5

    play(story)


def test_lease_and_value_are_kept_where_they_are_ignored(play: Play) -> None:
    async def story(store: EngineStore) -> None:
        lease = await store.leases.grant(60)
        await store.txn(ops(PutOp(b"/a", b"one", lease)))
        await store.txn(ops(PutOp(b"/a", b"two", ignore_lease=True)))
        await store.txn(ops(PutOp(b"/a", b"", lease=0, ignore_value=True)))

        leases = [
            (await store.range(RangeOp(EVERY, revision=at)))[0].kvs[0][1::4] for at in (2, 3, 4)
        ]

        assert leases == [(b"one", lease), (b"two", lease), (b"two", 0)]
        assert (await store.leases.time_to_live(lease)).keys == ()

    play(story)


def test_key_that_is_made_and_deleted_in_one_transaction(play: Play) -> None:
    async def story(store: EngineStore) -> None:
        recorder, late = Recorder(after=1), Recorder(after=1)
        store.watch(b"", recorder, after=1)

        await store.txn(ops(put(b"/a"), put(b"/b"), DeleteOp(Span(b"/a"))))
        store.watch(b"", late, after=1)
        await late.reach(2)

        assert await store.get(b"/a") is None
        assert await store.count(b"") == 1
        assert late.changes == recorder.changes
        assert [(c.key, c.version) for c in late.changes] == [(b"/a", 1), (b"/b", 1), (b"/a", 0)]

    play(story)
