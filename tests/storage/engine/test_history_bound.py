"""Where a bounded history is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.engine.history_bound import COUNT_STEP, HistoryBound
from storage.records import Change


def changes(first: int, sizes: list[int]) -> list[Change]:
    return [
        Change(b"", bytes(size), revision, revision, None, 1)
        for revision, size in enumerate(sizes, first)
    ]


def test_history_is_cut_in_steps_by_count() -> None:
    bound = HistoryBound(10, 1 << 30, 1)
    bound.note(changes(2, [1] * (9 + COUNT_STEP)))

    assert bound.compact_to(1) == 1
    bound.note(changes(11 + COUNT_STEP, [1]))
    assert bound.compact_to(1) == 1 + COUNT_STEP


def test_history_is_cut_by_bytes() -> None:
    bound = HistoryBound(100, 1600, 1)
    bound.note(changes(2, [100] * 17))

    assert bound.compact_to(1) == 1
    bound.note(changes(19, [100]))
    assert bound.compact_to(1) == 3


def test_single_change_beyond_the_bound_is_not_kept() -> None:
    bound = HistoryBound(100, 1000, 1)
    bound.note(changes(2, [5, 5000]))

    assert bound.compact_to(1) == 3


def test_shared_revision_is_kept_or_forgotten_whole() -> None:
    bound = HistoryBound(100, 1600, 1)
    bound.note([*changes(2, [400]), *changes(3, [400]), *changes(3, [400]), *changes(4, [400])])

    assert bound.compact_to(1) == 1
    bound.note(changes(5, [400]))
    assert bound.compact_to(1) == 2
    bound.note(changes(6, [400]))
    assert bound.compact_to(2) == 3


def test_compaction_that_was_asked_for_counts() -> None:
    bound = HistoryBound(100, 1600, 1)
    bound.note(changes(2, [100] * 17))

    assert bound.compact_to(10) == 10
    bound.note(changes(19, [100]))
    assert bound.compact_to(10) == 10


@given(sizes=st.lists(st.integers(0, 900), max_size=60))
def test_what_is_kept_stays_near_the_bound(sizes: list[int]) -> None:
    bound, compacted = HistoryBound(10_000, 1600, 1), 1
    for number, size in enumerate(sizes):
        bound.note(changes(number + 2, [size]))
        compacted = bound.compact_to(compacted)
        assert sum(sizes[compacted - 1 : number + 1]) <= 1700
