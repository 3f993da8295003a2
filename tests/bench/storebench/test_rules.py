"""Each rule on a row fires where it must, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.storebench.rules import (
    CLIENT_BOUND,
    counts_that_differ,
    events_that_differ,
    notes_on,
    why_invalid,
)
from bench.storebench.settings import Outcome

GOOD = Outcome(
    operations=100,
    window_s=2.0,
    cpu_s=0.5,
    histogram="",
    failures={},
    due=100,
    writes=100,
    writes_total=150,
    heard_total=200,
)


def test_a_good_outcome_stands_without_a_word() -> None:
    assert list(why_invalid([GOOD, GOOD])) == []
    assert list(notes_on([GOOD, GOOD], rate=50.0)) == []
    assert list(counts_that_differ([GOOD, GOOD], 300, alone=True)) == []
    assert list(events_that_differ([GOOD], 50, 2)) == []


def test_failures_make_a_row_invalid_the_most_frequent_first() -> None:
    failed = [replace(GOOD, failures={"a": 2, "b": 1}), replace(GOOD, failures={"b": 4})]

    assert list(why_invalid(failed)) == ["failed: 5 x b, 2 x a"]


def test_a_row_of_nothing_is_invalid() -> None:
    nothing = replace(GOOD, operations=0)

    assert list(why_invalid([nothing, nothing])) == ["not one operation was done"]
    assert list(why_invalid([nothing, GOOD])) == []


@pytest.mark.parametrize(
    ("moved", "alone", "told"),
    [(150, True, 0), (151, True, 1), (151, False, 0), (149, True, 1), (149, False, 1)],
)
def test_writes_that_the_store_did_not_count_are_told(moved: int, alone: bool, told: int) -> None:
    assert len(list(counts_that_differ([GOOD], moved, alone=alone))) == told


def test_a_store_that_tells_no_revision_is_not_judged_by_it() -> None:
    assert list(counts_that_differ([GOOD], None, alone=True)) == []


@pytest.mark.parametrize(("heard", "told"), [(200, 0), (199, 1), (201, 1)])
def test_events_that_are_missing_or_double_are_told(heard: int, told: int) -> None:
    outcomes = [replace(GOOD, heard_total=0), replace(GOOD, writes_total=0, heard_total=heard)]

    assert len(list(events_that_differ(outcomes, 50, 2))) == told


@pytest.mark.parametrize(
    ("orders", "failures", "told"),
    [
        ({"same": 2}, {}, []),
        ({"same": 1, "other": 1}, {}, ["1 of 2 watches heard others, or in another order"]),
        ({"other": 2}, {}, ["2 of 2 watches heard others, or in another order"]),
        ({"other": 2}, {"no answer": 1}, []),
    ],
)
def test_events_that_came_in_another_order_are_told(
    orders: dict[str, int], failures: dict[str, int], told: list[str]
) -> None:
    writing = replace(GOOD, heard_total=0, written_order="same", failures=failures)
    watching = replace(GOOD, writes_total=0, heard_orders=orders)

    found = list(events_that_differ([writing, watching], 50, 2))

    assert found == [f"events differ: {each}" for each in told]


@pytest.mark.parametrize(("due", "told"), [(100, 0), (106, 0), (107, 1)])
def test_a_rate_that_was_not_kept_is_told(due: int, told: int) -> None:
    assert len(list(notes_on([replace(GOOD, due=due)], rate=50.0))) == told
    assert list(notes_on([replace(GOOD, due=due)])) == []


def test_what_was_due_and_never_answered_is_told() -> None:
    told = list(notes_on([replace(GOOD, undone=3), GOOD], rate=50.0))

    assert told == ["3 of 200 that were due were not answered soon after, either: in no latency"]


@pytest.mark.parametrize(("late_ms", "told"), [(50.0, 0), (50.1, 1)])
def test_a_client_behind_its_schedule_is_told(late_ms: float, told: int) -> None:
    assert len(list(notes_on([replace(GOOD, late_ms_max=late_ms)]))) == told


@pytest.mark.parametrize(
    ("cpu_s", "in_process", "told"), [(1.79, False, 0), (1.8, False, 1), (1.8, True, 0)]
)
def test_a_client_at_its_limit_is_named(cpu_s: float, in_process: bool, told: int) -> None:
    notes = list(notes_on([GOOD, replace(GOOD, cpu_s=cpu_s)], in_process=in_process))

    assert [note.startswith(f"{CLIENT_BOUND} (process 2 of 2)") for note in notes] == [True] * told
