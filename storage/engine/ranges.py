"""What a range picks from the keys of its span: filters, order, limit, as etcd defines them. Pure.

Everything but an order by value is decided by the points, so values are read only of what is
answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from typing import Final

from storage.engine.backend import Stored
from storage.engine.key_index import Point, row_of
from storage.mvcc import RangeOp, SortOrder, SortTarget
from storage.records import KeyValue

Found = tuple[bytes, Point, KeyValue | None]
"""A live key, its point, and its state where that is at hand."""

SortKey = Callable[[Found], int | bytes]


def _value(found: Found) -> bytes:
    assert found[2] is not None, "an order by value needs the values"
    return found[2].value


SORT_KEYS: Final[dict[SortTarget, SortKey]] = {
    SortTarget.KEY: lambda found: found[0],
    SortTarget.VERSION: lambda found: found[1][2],
    SortTarget.CREATE: lambda found: found[1][1],
    SortTarget.MOD: lambda found: found[1][0],
    SortTarget.VALUE: _value,
}


def order_of(op: RangeOp) -> SortOrder:
    """Return the order of the answer; NONE stands for that of the keys, as they are found."""
    if op.order is SortOrder.NONE and op.target is not SortTarget.KEY:
        return SortOrder.ASCEND
    return op.order


def needs_values(op: RangeOp) -> bool:
    """Whether the values of everything that is found decide what is answered."""
    return op.target is SortTarget.VALUE and not op.count_only


def enough(op: RangeOp) -> int:
    """Return how many keys of the span suffice for the answer; 0: all of them.

    One beyond the limit tells that there are more. With an order that is only implied by its target
    etcd sorts no more than these; with one that was asked for, or with filters, all.
    """
    if op.order is not SortOrder.NONE or _filters(op) or not op.limit:
        return 0
    return op.limit + 1


def select(found: list[Found], op: RangeOp) -> tuple[list[Found], bool]:
    """Return what is answered of the keys that were found, and whether the limit cut it short."""
    return cut(ordered(passing(found, op), op), op)


def passing(found: list[Found], op: RangeOp) -> list[Found]:
    """Return those of the keys that pass the filters."""
    return [each for each in found if _passes(each[1], op)] if _filters(op) else found


def ordered(found: list[Found], op: RangeOp) -> list[Found]:
    """Return the keys in the order of the answer.

    What was ordered page by page is put in order as a whole with little to do: sorting takes runs
    that are in order for what they are, and leaves equals as they stand.
    """
    order = order_of(op)
    if order is SortOrder.NONE:
        return found
    return sorted(found, key=SORT_KEYS[op.target], reverse=order is SortOrder.DESCEND)


def in_one_order(runs: Sequence[list[Found]], op: RangeOp) -> Iterator[Found]:
    """Yield the keys of runs, each of which is ordered, in the order of the answer."""
    downwards = order_of(op) is SortOrder.DESCEND
    return iter(merge(*runs, key=SORT_KEYS[op.target], reverse=downwards))


def cut(found: list[Found], op: RangeOp) -> tuple[list[Found], bool]:
    """Return as many of what is in order as ``limit`` says, and whether there were more."""
    if op.limit and len(found) > op.limit:
        return found[: op.limit], True
    return found, False


def at_hand(states: Iterable[KeyValue]) -> list[Found]:
    """Return states as what was found."""
    return [
        (state.key, (state.revision, state.create_revision, state.version), state)
        for state in states
    ]


def filled(
    found: Sequence[Found],
    values_of: Callable[[Sequence[int]], list[Stored]],
    *,
    keys_only: bool = False,
) -> list[KeyValue]:
    """Return the states of what was found, with the values that have to be read."""
    stored = iter(values_of([row_of(point) for _, point, state in found if state is None]))
    states: list[KeyValue] = []
    for key, point, state in found:
        if state is not None:
            states.append(state._replace(value=b"") if keys_only else state)
        else:
            value, lease = next(stored)
            value = b"" if keys_only else value
            states.append(KeyValue(key, value, point[0], point[1], point[2], lease))
    return states


def _filters(op: RangeOp) -> bool:
    return bool(
        op.min_mod_revision
        or op.max_mod_revision
        or op.min_create_revision
        or op.max_create_revision
    )


def _passes(point: Point, op: RangeOp) -> bool:
    revision, created = point[0], point[1]
    return (
        op.min_mod_revision <= revision
        and op.min_create_revision <= created
        and (not op.max_mod_revision or revision <= op.max_mod_revision)
        and (not op.max_create_revision or created <= op.max_create_revision)
    )
