"""Transactions: judged at the call against the pending state, as one write of many changes.

How it works. A transaction lives on an overlay over the ledger's pending state: its operations read
through it and write into it, so each sees those before. Where all went well and something was
written, the overlay joins the open group as one revision; else it is dropped, and nothing has
happened. Compares, those of nested transactions too, are judged on the state before the first
operation, as etcd does.

The answer is released with the newest group whose pending state was looked at: the open one where
something was written, none where only applied state was.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, assert_never

from storage.engine.backend import Stored
from storage.engine.ledger import Group, Ledger, Verdict
from storage.engine.ranges import Found, at_hand, enough, filled, needs_values, select
from storage.engine.spans import bounds_of
from storage.errors import CompactedError, FutureRevisionError, KeyNotFoundError, StoreError
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
    Span,
    Txn,
    TxnDone,
)
from storage.records import Change, KeyValue

HOLDS: Final[dict[CompareResult, Callable[[int | bytes, int | bytes], bool]]] = {
    CompareResult.EQUAL: operator.eq,
    CompareResult.NOT_EQUAL: operator.ne,
    CompareResult.GREATER: operator.gt,
    CompareResult.LESS: operator.lt,
}


class Transactions:
    """Judges transactions over a ledger."""

    def __init__(
        self,
        ledger: Ledger,
        values_of: Callable[[Sequence[int]], list[Stored]],
        *,
        check_lease: Callable[[int], None],
        compacted: Callable[[], int],
    ) -> None:
        self.ledger = ledger
        self.values_of = values_of
        self.check_lease = check_lease
        """Raises LeaseNotFoundError."""
        self.compacted = compacted

    def judge(self, txn: Txn) -> Verdict[TxnDone]:
        """Judge a transaction; what it writes has joined the open group when this returns."""
        overlay = Overlay(self)
        try:
            paths = overlay.choose(txn)
            succeeded = paths.pop()
            results = overlay.carry_out(txn.success if succeeded else txn.failure, paths)
        except StoreError as error:
            return Verdict(error, overlay.seen)
        revision = overlay.join()
        return Verdict(TxnDone(succeeded, results, revision), overlay.seen)

    def delete_all(self, keys: Sequence[bytes]) -> Verdict[int]:
        """Delete those of the keys that exist, as one revision; the answer is that one, or 0."""
        overlay = Overlay(self)
        try:
            for key in keys:
                overlay.delete(DeleteOp(Span(key)))
        except StoreError as error:
            return Verdict(error, overlay.seen)
        wrote = overlay.writes > 0
        revision = overlay.join()
        return Verdict(revision if wrote else 0, overlay.seen)


def may_write(txn: Txn) -> bool:
    """Tell whether a transaction holds a write, in whatever branch."""
    return any(
        may_write(op) if isinstance(op, Txn) else not isinstance(op, RangeOp)
        for op in (*txn.success, *txn.failure)
    )


class Overlay:
    """One transaction's view: its own writes over the ledger's pending state."""

    def __init__(self, judge: Transactions) -> None:
        self._judge = judge
        self._ledger = judge.ledger
        self._revision = judge.ledger.assigned + 1
        self._states: dict[bytes, KeyValue | None] = {}
        self._changes: list[Change] = []
        self.seen: Group | None = None
        """The newest group whose state was looked at."""

    @property
    def writes(self) -> int:
        """How many changes it has made."""
        return len(self._changes)

    def choose(self, txn: Txn) -> list[bool]:
        """Return which branches are taken, this one's last: of it and what is nested in them."""
        holds = all(self._holds(compare) for compare in txn.compares)
        nested = [op for op in (txn.success if holds else txn.failure) if isinstance(op, Txn)]
        paths: list[bool] = []
        for inner in reversed(nested):
            paths += self.choose(inner)
        return [*paths, holds]

    def carry_out(self, ops: Sequence[Op], paths: list[bool]) -> list[OpDone]:
        """Carry operations out in their order; ``paths`` are the nested branches, first one last.

        Raises StoreError; what was written up to then is dropped with the overlay.
        """
        results: list[OpDone] = []
        for op in ops:
            if isinstance(op, PutOp):
                results.append(self._put(op))
            elif isinstance(op, RangeOp):
                results.append(self._range(op))
            elif isinstance(op, DeleteOp):
                results.append(self.delete(op))
            elif isinstance(op, Txn):
                succeeded = paths.pop()
                inner = self.carry_out(op.success if succeeded else op.failure, paths)
                results.append(TxnDone(succeeded, inner, 0))
            else:
                assert_never(op)
        return results

    def delete(self, op: DeleteOp) -> Deleted:
        """Delete the keys of a span."""
        gone = filled(self._found(op.span), self._judge.values_of)
        for state in gone:
            change = Change(state.key, None, self._revision, state.create_revision, state, 0)
            self._write(change, None)
        return Deleted(len(gone), gone if op.previous else [])

    def join(self) -> int:
        """Let what was written join the open group; return its revision, or that judged at."""
        if self._changes:
            self.seen = self._ledger.join(self._changes, self._states)
            return self._revision
        return self._ledger.index.last if self.seen is None else self._ledger.ends_at(self.seen)

    def _holds(self, compare: Compare) -> bool:
        found = filled(self._found(compare.span), self._judge.values_of)
        if not found:
            # There is no way to write down that a value is missing, so etcd lets it fail.
            absent = KeyValue(b"", b"", 0, 0, 0)
            return compare.target is not CompareTarget.VALUE and _compared(compare, absent)
        return all(_compared(compare, state) for state in found)

    def _put(self, op: PutOp) -> PutDone:
        current = self._state(op.key)
        value, lease = op.value, op.lease
        if op.ignore_value or op.ignore_lease:
            if current is None:
                raise KeyNotFoundError(op.key)
            value = current.value if op.ignore_value else value
            lease = current.lease if op.ignore_lease else lease
        if lease and not op.ignore_lease:
            self._judge.check_lease(lease)
        revision = self._revision
        created, version = revision, 1
        if current is not None:
            created, version = current.create_revision, current.version + 1
        state = KeyValue(op.key, value, revision, created, version, lease)
        self._write(Change(op.key, value, revision, created, current, version, lease), state)
        return PutDone(current if op.previous else None)

    def _write(self, change: Change, state: KeyValue | None) -> None:
        self._changes.append(change)
        self._states[change.key] = state

    def _range(self, op: RangeOp) -> Ranged:
        if op.revision:
            return self._past(op)
        if op.count_only:
            return Ranged([], more=False, total=self._count(op.span))
        suffices = enough(op)
        found = self._found(op.span, suffices)
        total = self._count(op.span) if len(found) == suffices else len(found)
        return self._picked(found, total, op)

    def _count(self, span: Span) -> int:
        index, (low, high) = self._ledger.index, bounds_of(span)
        total = index.count_between(low, high)
        for key, state in self._pending(low, high).items():
            point = index.newest(key)
            total += (state is not None) - (point is not None and point[2] > 0)
        return total

    def _past(self, op: RangeOp) -> Ranged:
        """Answer at a revision that was asked for: applied state, as nobody knows of any other."""
        index = self._ledger.index
        if op.revision > index.last:
            raise FutureRevisionError(op.revision, index.last)
        if op.revision < self._judge.compacted():
            raise CompactedError(op.revision, self._judge.compacted())
        low, high = bounds_of(op.span)
        total = index.count_between_at(low, high, op.revision)
        if op.count_only:
            return Ranged([], more=False, total=total)
        points = ((key, index.at(key, op.revision)) for key in index.keys_between(low, high))
        found: Iterator[Found] = ((key, point, None) for key, point in points if point)
        return self._picked(list(islice(found, enough(op) or None)), total, op)

    def _picked(self, found: list[Found], total: int, op: RangeOp) -> Ranged:
        if needs_values(op):
            found = at_hand(filled(found, self._judge.values_of))
        picked, more = select(found, op)
        kvs = filled(picked, self._judge.values_of, keys_only=op.keys_only)
        return Ranged(kvs, more, total)

    def _state(self, key: bytes) -> KeyValue | None:
        if key in self._states:
            return self._states[key]
        state, group = self._ledger.state(key)
        self._note(group)
        return state

    def _found(self, span: Span, limit: int = 0) -> list[Found]:
        """Return the live keys of a span, in order: the first ``limit``, or all (0)."""
        if not span.end:
            state = self._state(span.key)
            return [] if state is None else at_hand([state])
        low, high = bounds_of(span)
        pending = self._pending(low, high)
        newest = self._ledger.index.newest
        found: list[Found] = []
        for key in self._ledger.index.keys_between(low, high):
            point = newest(key)
            if point is not None and point[2] and key not in pending:
                found.append((key, point, None))
                if len(found) == limit:
                    break
        if pending:
            found += at_hand(state for state in pending.values() if state is not None)
            found.sort(key=lambda each: each[0])
        return found[:limit] if limit else found

    def _pending(self, low: bytes, high: bytes | None) -> dict[bytes, KeyValue | None]:
        """Return the states in the span that are not applied yet, and this transaction's own."""
        pending: dict[bytes, KeyValue | None] = {}
        for group in (self._ledger.in_flight, self._ledger.open):
            if group is not None and _take(pending, group.states, low, high):
                self._note(group)
        _take(pending, self._states, low, high)
        return pending

    def _note(self, group: Group | None) -> None:
        if group is not None and self.seen is not self._ledger.open:
            self.seen = group


def _take(
    into: dict[bytes, KeyValue | None],
    states: dict[bytes, KeyValue | None],
    low: bytes,
    high: bytes | None,
) -> bool:
    """Take the states of a span over; return whether there were any."""
    found = {
        key: state for key, state in states.items() if low <= key and (high is None or key < high)
    }
    into.update(found)
    return bool(found)


def _compared(compare: Compare, state: KeyValue) -> bool:
    actual: int | bytes
    match compare.target:
        case CompareTarget.VERSION:
            actual = state.version
        case CompareTarget.CREATE:
            actual = state.create_revision
        case CompareTarget.MOD:
            actual = state.revision
        case CompareTarget.LEASE:
            actual = state.lease
        case CompareTarget.VALUE:
            actual = state.value
    return HOLDS[compare.result](actual, compare.operand)
