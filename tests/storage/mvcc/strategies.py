"""Operations, spans and transactions for hypothesis, over few keys, so that they meet."""

from __future__ import annotations

from hypothesis import strategies as st

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

KEYS = st.sampled_from([b"/a", b"/a\0", b"/a/1", b"/a/2", b"/b", b"/b\xff", b"/c", b"\xff\xff"])
SPANS = st.one_of(
    KEYS.map(Span),
    st.builds(Span, KEYS, KEYS | st.just(b"\0")),
    st.sampled_from([Span(b"\0", b"\0"), Span(b"/a", b"/b"), Span(b"/a/", b"/a0")]),
)
LEASES = st.sampled_from([0] * 8 + [7, 8])
"""Nobody may have granted them."""

VALUES = st.sampled_from([b"", b"x", b"yy"])
REVISIONS = st.integers(0, 12)

RARELY = st.sampled_from([False] * 7 + [True])
PUTS = st.builds(PutOp, KEYS, VALUES, LEASES, st.booleans(), RARELY, RARELY)
PLAIN = st.builds(PutOp, KEYS, VALUES, st.just(0), st.booleans())
DELETES = st.builds(DeleteOp, SPANS, st.booleans())
BOUNDS = st.sampled_from([0] * 10 + [3, 6])
RANGES = st.builds(
    RangeOp,
    SPANS,
    st.integers(0, 3),
    st.sampled_from([0] * 6 + [2, 4, 8]),
    st.sampled_from([SortOrder.NONE, *SortOrder]),
    st.sampled_from([SortTarget.KEY, *SortTarget]),
    st.booleans(),
    st.sampled_from([False, False, True]),
    BOUNDS,
    BOUNDS,
    BOUNDS,
    BOUNDS,
)


@st.composite
def _compares(draw: st.DrawFn) -> Compare:
    target = draw(st.sampled_from(CompareTarget))
    by_value = target is CompareTarget.VALUE
    operand: int | bytes = draw(VALUES) if by_value else draw(st.integers(0, 8))
    return Compare(draw(SPANS), target, draw(st.sampled_from(CompareResult)), operand)


def _within(ops: st.SearchStrategy[Op]) -> st.SearchStrategy[Txn]:
    branch = st.lists(ops, max_size=3).map(tuple)
    return st.builds(Txn, st.lists(_compares(), max_size=2).map(tuple), branch, branch)


BURSTS = st.lists(PLAIN | DELETES, min_size=2, max_size=5).map(lambda ops: Txn((), tuple(ops)))
"""Transactions that always write, most of them several keys."""

SINGLE: st.SearchStrategy[Op] = st.one_of(PUTS, PUTS, DELETES, RANGES)
TXNS = _within(SINGLE | _within(SINGLE | _within(SINGLE)))
