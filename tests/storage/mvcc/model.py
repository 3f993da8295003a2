"""etcd's data model, naively: all states of all revisions, every answer worked out from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from storage.errors import (
    CompactedError,
    FutureRevisionError,
    KeyNotFoundError,
    LeaseNotFoundError,
)
from storage.mvcc import (
    Compare,
    CompareResult,
    CompareTarget,
    Deleted,
    DeleteOp,
    Op,
    OpDone,
    PutDone,
    PutOp,
    Ranged,
    RangeOp,
    SortOrder,
    SortTarget,
    Span,
    Txn,
    TxnDone,
)
from storage.records import Change, KeyValue

State = dict[bytes, KeyValue]


def within(span: Span, key: bytes) -> bool:
    """Whether a key lies in a span."""
    if not span.end:
        return key == span.key
    return key >= span.key and (span.end == b"\0" or key < span.end)


def compared(compare: Compare, state: KeyValue | None) -> bool:
    """Whether a key, or None for an absent one, satisfies a compare."""
    if state is None:
        if compare.target == CompareTarget.VALUE:
            return False
        state = KeyValue(b"", b"", 0, 0, 0)
    columns: dict[CompareTarget, int | bytes] = {
        CompareTarget.VERSION: state.version,
        CompareTarget.CREATE: state.create_revision,
        CompareTarget.MOD: state.revision,
        CompareTarget.VALUE: state.value,
        CompareTarget.LEASE: state.lease,
    }
    actual = columns[compare.target]
    # As etcd does: -1, 0, 1, then the wanted relation.
    sides = sorted([actual, compare.operand])
    sign = 0 if actual == compare.operand else -1 if sides[0] == actual else 1
    return {
        CompareResult.EQUAL: sign == 0,
        CompareResult.NOT_EQUAL: sign != 0,
        CompareResult.GREATER: sign > 0,
        CompareResult.LESS: sign < 0,
    }[compare.result]


class Model:
    """Every state that there was, and what was written."""

    def __init__(self) -> None:
        self.states: list[State] = [{}, {}]
        """By revision; revision 1 is the empty store."""
        self.history: list[Change] = []
        self.compacted = 1
        self.leases: set[int] = set()

    @property
    def revision(self) -> int:
        return len(self.states) - 1

    def compact(self, revision: int) -> None:
        if revision > self.revision:
            raise FutureRevisionError(revision, self.revision)
        if revision <= self.compacted:
            raise CompactedError(revision, self.compacted)
        self.compacted = revision

    def revoke(self, lease: int) -> int:
        """End a lease; return the revision at which its keys went, or 0."""
        if lease not in self.leases:
            raise LeaseNotFoundError(lease)
        keys = sorted(key for key, kv in self.states[-1].items() if kv.lease == lease)
        self.leases.remove(lease)
        if not keys:
            return 0
        return self.txn(Txn((), tuple(DeleteOp(Span(key)) for key in keys))).revision

    def changes(self, span: Span, after: int) -> list[Change]:
        return [c for c in self.history if c.revision > after and within(span, c.key)]

    def range(self, op: RangeOp) -> Ranged:
        return self._range(op, self.states[-1], self.revision)

    def txn(self, txn: Txn, *, applied: int = 0) -> TxnDone:
        """Carry a transaction out; its revision is 0 where it wrote nothing.

        Reads of the past know nothing above revision ``applied`` (0: the newest).
        """
        state, changes = dict(self.states[-1]), list[Change]()
        branches = self._branches(txn)
        done = self._carry_out(txn, branches, state, changes, applied or self.revision)
        if not changes:
            return done
        self.states.append(state)
        self.history += changes
        return done._replace(revision=self.revision)

    def _branches(self, txn: Txn) -> list[bool]:
        state = self.states[-1]
        taken = True
        for compare in txn.compares:
            found: list[KeyValue | None] = []
            found += [kv for key, kv in state.items() if within(compare.span, key)]
            taken = taken and all(compared(compare, kv) for kv in found or [None])
        branches = [taken]
        for op in txn.success if taken else txn.failure:
            if isinstance(op, Txn):
                branches += self._branches(op)
        return branches

    def _carry_out(
        self, txn: Txn, branches: list[bool], state: State, changes: list[Change], applied: int
    ) -> TxnDone:
        taken = branches.pop(0)
        results: list[OpDone] = []
        for op in txn.success if taken else txn.failure:
            if isinstance(op, Txn):
                results.append(self._carry_out(op, branches, state, changes, applied))
            else:
                results.append(self._one(op, state, changes, applied))
        return TxnDone(taken, results, 0)

    def _one(self, op: Op, state: State, changes: list[Change], applied: int) -> OpDone:
        if isinstance(op, PutOp):
            return self._put(op, state, changes)
        if isinstance(op, DeleteOp):
            gone = [state[key] for key in sorted(state) if within(op.span, key)]
            for kv in gone:
                del state[kv.key]
                changes.append(Change(kv.key, None, self.revision + 1, kv.create_revision, kv, 0))
            return Deleted(len(gone), gone if op.previous else [])
        assert isinstance(op, RangeOp)
        return self._range(op, state, applied)

    def _put(self, op: PutOp, state: State, changes: list[Change]) -> PutDone:
        past = state.get(op.key)
        if past is None and (op.ignore_value or op.ignore_lease):
            raise KeyNotFoundError(op.key)
        value, lease = op.value, op.lease
        if past is not None:
            value = past.value if op.ignore_value else value
            lease = past.lease if op.ignore_lease else lease
        if not op.ignore_lease and lease and lease not in self.leases:
            raise LeaseNotFoundError(lease)
        revision = self.revision + 1
        created, version = (past.create_revision, past.version + 1) if past else (revision, 1)
        state[op.key] = KeyValue(op.key, value, revision, created, version, lease)
        changes.append(Change(op.key, value, revision, created, past, version, lease))
        return PutDone(past if op.previous else None)

    def _range(self, op: RangeOp, state: State, applied: int) -> Ranged:
        if op.revision:
            if op.revision > applied:
                raise FutureRevisionError(op.revision, applied)
            if op.revision < self.compacted:
                raise CompactedError(op.revision, self.compacted)
            state = self.states[op.revision]
        kvs = [state[key] for key in sorted(state) if within(op.span, key)]
        total = len(kvs)
        if op.count_only:
            return Ranged([], more=False, total=total)
        filtered = self._filtered(kvs, op)
        sifting = op.min_mod_revision or op.max_mod_revision or op.min_create_revision
        if op.limit and op.order == SortOrder.NONE and not (sifting or op.max_create_revision):
            filtered = filtered[: op.limit + 1]
        if op.order != SortOrder.NONE or op.target != SortTarget.KEY:
            filtered.sort(key=COLUMNS[op.target], reverse=op.order == SortOrder.DESCEND)
        more = 0 < op.limit < len(filtered)
        answered = filtered[: op.limit] if op.limit else filtered
        if op.keys_only:
            answered = [kv._replace(value=b"") for kv in answered]
        return Ranged(answered, more, total)

    @staticmethod
    def _filtered(kvs: list[KeyValue], op: RangeOp) -> list[KeyValue]:
        return [
            kv
            for kv in kvs
            if kv.revision >= op.min_mod_revision
            and kv.create_revision >= op.min_create_revision
            and not 0 < op.max_mod_revision < kv.revision
            and not 0 < op.max_create_revision < kv.create_revision
        ]


COLUMNS: Final[dict[SortTarget, Callable[[KeyValue], int | bytes]]] = {
    SortTarget.KEY: lambda kv: kv.key,
    SortTarget.VERSION: lambda kv: kv.version,
    SortTarget.CREATE: lambda kv: kv.create_revision,
    SortTarget.MOD: lambda kv: kv.revision,
    SortTarget.VALUE: lambda kv: kv.value,
}
