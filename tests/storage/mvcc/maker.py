"""Operations, spans and transactions by chance, over few keys, so that they meet.

A ``Random`` seeded by hypothesis, not its strategies: nested transactions drawn by these used up
what an example may hold, so that few of them wrote anything.
"""

from __future__ import annotations

from random import Random

from storage.mvcc import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteOp,
    Op,
    PutOp,
    RangeOp,
    SortOrder,
    SortTarget,
    Span,
    Txn,
)

KEYS = (b"/a", b"/a\0", b"/a/1", b"/a/2", b"/b", b"/b\xff", b"/c", b"\xff\xff")
VALUES = (b"", b"x", b"yy")
LEASES = (7, 8)
EVERY = Span(b"\0", b"\0")


class Maker:
    """Makes them."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def key(self) -> bytes:
        """Return any key."""
        return self._random.choice(KEYS)

    def value(self) -> bytes:
        """Return any value."""
        return self._random.choice(VALUES)

    def span(self) -> Span:
        """Return a key, a range (an empty one, too), a prefix, or everything."""
        kind = self._random.randrange(5)
        if kind < 2:
            return Span(self.key())
        if kind < 4:
            return Span(self.key(), self._random.choice((*KEYS, b"\0")))
        return self._random.choice((EVERY, Span(b"/a", b"/b"), Span(b"/a/", b"/a0")))

    def txn(self, depth: int = 2) -> Txn:
        """Return a transaction, with others in it at most ``depth`` deep."""
        if self._random.random() < 0.4:
            return Txn((), tuple(self._write() for _ in range(self._random.randint(1, 5))))
        compares = tuple(self._compare() for _ in range(self._random.choice((0, 1, 1, 2))))
        return Txn(compares, self._ops(depth), self._ops(depth))

    def range(self) -> RangeOp:
        """Return any range."""
        random = self._random

        def bound() -> int:
            return random.choice((3, 6)) if random.random() < 0.1 else 0

        return RangeOp(
            self.span(),
            limit=random.randint(0, 3),
            revision=random.choice((2, 4, 8)) if random.random() < 0.3 else 0,
            order=random.choice((SortOrder.NONE, *SortOrder)),
            target=random.choice((SortTarget.KEY, *SortTarget)),
            keys_only=random.random() < 0.3,
            count_only=random.random() < 0.3,
            min_mod_revision=bound(),
            max_mod_revision=bound(),
            min_create_revision=bound(),
            max_create_revision=bound(),
        )

    def _ops(self, depth: int) -> tuple[Op, ...]:
        return tuple(self._op(depth) for _ in range(self._random.randint(0, 3)))

    def _op(self, depth: int) -> Op:
        kind = self._random.random()
        if kind < 0.2 and depth:
            return self.txn(depth - 1)
        return self.range() if kind < 0.4 else self._write()

    def _write(self) -> Op:
        random = self._random
        if random.random() < 0.25:
            return DeleteOp(self.span(), random.random() < 0.5)
        return PutOp(
            self.key(),
            self.value(),
            lease=random.choice(LEASES) if random.random() < 0.1 else 0,
            previous=random.random() < 0.5,
            ignore_value=random.random() < 0.07,
            ignore_lease=random.random() < 0.07,
        )

    def _compare(self) -> Compare:
        random = self._random
        target = random.choice(tuple(CompareTarget))
        operand = self.value() if target is CompareTarget.VALUE else random.randint(0, 8)
        return Compare(self.span(), target, random.choice(tuple(CompareResult)), operand)
