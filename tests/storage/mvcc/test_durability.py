"""When a transaction is answered, and what a failed commit takes with it."""

from __future__ import annotations

import asyncio

import pytest

from storage.engine.group_commit import PROBE_FIRST_S
from storage.errors import KeyNotFoundError, ReadOnlyError
from storage.mvcc import DeleteOp, Op, PutOp, RangeOp, Span, Txn
from storage.virtual_time import run_virtual
from tests.storage.engine.faults import Stage, turns
from tests.storage.recorder import Recorder


def ops(*operations: Op) -> Txn:
    return Txn((), operations)


LOOKS: list[tuple[Op, bool]] = [
    (RangeOp(Span(b"/a")), True),
    (RangeOp(Span(b"/", b"0")), True),
    (RangeOp(Span(b"/", b"0"), count_only=True), True),
    (DeleteOp(Span(b"/a3", b"/aa")), False),
    (RangeOp(Span(b"/b")), False),
    (RangeOp(Span(b"/b", b"\0"), limit=1), False),
    (PutOp(b"/c", b"v"), True),
]


@pytest.mark.parametrize(("operation", "waits"), LOOKS)
def test_answer_waits_for_what_it_was_judged_against(operation: Op, *, waits: bool) -> None:
    async def story() -> None:
        async with Stage() as stage:
            stage.store.create(b"/b", b"v")
            await stage.committer.finish()
            pending = stage.store.txn(ops(PutOp(b"/a", b"v"), PutOp(b"/a2", b"v")))
            looking = stage.store.txn(ops(operation))
            await turns()

            assert not pending.done()
            assert looking.done() is not waits
            await stage.committer.finish_all()
            assert pending.result().revision == 3
            assert looking.result().revision == (4 if isinstance(operation, PutOp) else 2 + waits)

    run_virtual(story())


def test_error_on_pending_state_waits_for_it() -> None:
    async def story() -> None:
        async with Stage() as stage:
            stage.store.create(b"/a", b"v")
            await stage.committer.finish()
            stage.store.delete(b"/a")
            missing = stage.store.txn(ops(PutOp(b"/a", b"", ignore_value=True)))
            await turns()
            assert not missing.done()

            await stage.committer.finish()

            assert isinstance(missing.exception(), KeyNotFoundError)

    run_virtual(story())


def test_failed_commit_fails_every_transaction_on_top_of_it() -> None:
    async def story() -> None:
        async with Stage() as stage:
            recorder = Recorder(after=1)
            stage.store.watch_span(Span(b"\0", b"\0"), recorder, after=1)
            answers = [
                stage.store.txn(ops(PutOp(b"/a", b"v"), PutOp(b"/b", b"v"))),
                stage.store.txn(ops(RangeOp(Span(b"/a")))),
                stage.store.txn(ops(DeleteOp(Span(b"/", b"0")), PutOp(b"/c", b"v"))),
            ]
            await turns()
            await stage.committer.fail()

            errors = [type(answer.exception()) for answer in answers]
            assert errors == [ReadOnlyError] * 3
            refused = stage.store.txn(ops(PutOp(b"/a", b"v")))
            assert isinstance(refused.exception(), ReadOnlyError)
            nested = stage.store.txn(Txn((), (), (Txn((), (DeleteOp(Span(b"/a")),)),)))
            assert isinstance(nested.exception(), ReadOnlyError)
            read = stage.store.txn(Txn((), (Txn((), (RangeOp(Span(b"/", b"0")),)),)))
            assert (await read).revision == 1
            assert (await stage.store.range(RangeOp(Span(b"/", b"0"))))[0].kvs == []
            await asyncio.sleep(2 * PROBE_FIRST_S)
            await stage.committer.finish()
            again = stage.store.txn(ops(PutOp(b"/a", b"v"), PutOp(b"/b", b"v")))
            await stage.committer.finish_all()
            assert again.result().revision == 2
            assert [change.revision for change in recorder.changes] == [2, 2]

    run_virtual(story())


def test_probe_removes_what_a_shared_revision_left_and_nothing_else() -> None:
    async def story() -> None:
        async with Stage() as stage:
            stage.store.txn(ops(PutOp(b"/a", b"v"), PutOp(b"/b", b"v")))
            await stage.committer.finish_all()
            lost = stage.store.txn(ops(PutOp(b"/c", b"v"), PutOp(b"/d", b"v")))
            await turns()
            job, _ = stage.committer.jobs[0]
            job()  # it reaches the disk, and is reported as failed
            await stage.committer.fail()
            assert isinstance(lost.exception(), ReadOnlyError)
            await asyncio.sleep(2 * PROBE_FIRST_S)
            await stage.committer.finish()

            found, _ = await stage.store.range(RangeOp(Span(b"\0", b"\0")))
            assert [kv.key for kv in found.kvs] == [b"/a", b"/b"]
            assert len(stage.store._backend._values) == 2  # type: ignore[attr-defined]  # the memory backend's

    run_virtual(story())
