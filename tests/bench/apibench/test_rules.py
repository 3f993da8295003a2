"""Each rule on a row fires where it must, and only there; medians leave invalid rounds out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.apibench.fanout import faults_of
from bench.apibench.metric_counts import counts_in
from bench.apibench.results import Row
from bench.apibench.rules import GENERATOR_BOUND, count_mismatches, notes_on, why_invalid
from bench.apibench.settings import Outcome
from bench.apibench.summing_up import sum_up
from bench.apibench.table import Aim, aims, table_cells
from bench.apibench.watchers import Watched
from bench.latency import Latency

GOOD = Outcome(
    operations=100,
    window_s=2.0,
    begin_ns=0,
    end_ns=2_000_000_000,
    cpu_s={"server": 1.0, "generator": 0.2},
    histogram="",
    requests={"POST pods": 100},
    failures={},
)
SEEN = Watched(
    events=10, events_total=20, expected_total=20, histogram="", received_bytes=1, faults={}
)


def test_a_good_outcome_stands_without_a_word() -> None:
    assert list(why_invalid(GOOD)) == []
    assert list(notes_on(GOOD)) == []
    assert faults_of(SEEN) == []


@pytest.mark.parametrize(
    ("rate", "noted"), [(0.0, []), (50.0, []), (53.0, []), (60.0, ["rate missed: 50 of 60"])]
)
def test_a_rate_that_was_not_kept_is_told(rate: float, noted: list[str]) -> None:
    assert [note.partition(" a second")[0] for note in notes_on(GOOD, rate)] == noted


def test_a_generator_behind_its_schedule_is_told() -> None:
    (note,) = notes_on(replace(GOOD, late_ms_max=80.4), 50.0)

    assert note.startswith("the generator was up to 80 ms behind")


def test_failures_make_a_row_invalid() -> None:
    failed = replace(GOOD, failures={"409": 2}, first_failure="409 taken")

    assert list(why_invalid(failed)) == ["failed: 2 x 409; first: 409 taken"]


def test_a_row_of_nothing_is_invalid() -> None:
    assert list(why_invalid(replace(GOOD, operations=0))) == ["not one operation was done"]


@pytest.mark.parametrize(
    ("cpu_s", "noted"),
    [
        ({"generator": 1.79}, 0),
        ({"generator": 1.81}, 1),
        ({"generator": 0.1, "watchers": 1.9}, 1),
        ({"generator": 1.9, "watchers": 1.9}, 2),
    ],
)
def test_a_generator_at_its_limit_is_told(cpu_s: dict[str, float], noted: int) -> None:
    notes = list(notes_on(replace(GOOD, cpu_s=cpu_s)))

    assert [GENERATOR_BOUND in note for note in notes] == [True] * noted


@pytest.mark.parametrize(
    ("theirs", "alone", "told"),
    [(100, True, 0), (99, True, 1), (101, True, 1), (101, False, 0), (99, False, 1)],
)
def test_counts_that_differ_from_the_server_s_are_told(theirs: int, alone: bool, told: int) -> None:
    assert len(list(count_mismatches({"POST pods": (100, theirs)}, alone=alone))) == told


@pytest.mark.parametrize(
    "bad",
    [
        replace(SEEN, events_total=19),
        replace(SEEN, events=0),
        replace(SEEN, faults={"missing events": 1}),
    ],
)
def test_events_that_are_not_as_written_make_a_row_invalid(bad: Watched) -> None:
    assert len(faults_of(bad)) == 1


def test_a_server_s_counts_are_read_by_verb_and_resource() -> None:
    text = (
        "# HELP apiserver_request_total x\n"
        'apiserver_request_total{verb="PUT",resource="pods",subresource="status",code="200"} 7\n'
        'apiserver_request_total{verb="PUT",resource="pods",subresource="status",code="409"} 2\n'
        'apiserver_request_total{verb="LIST",resource="pods",subresource="",code="200"} 1\n'
    )

    assert counts_in(text) == {"PUT pods/status": 9, "LIST pods": 1}


def _row(round_: int, per_s: float, *, invalid: bool = False) -> Row:
    latency = Latency(count=1, p50_ms=1.0, p90_ms=2.0, p99_ms=3.0, max_ms=4.0)
    why = ["because"] if invalid else []
    return Row("a", round_, "create", "json", 1, {"per_s": per_s}, latency, invalid=why)


def test_medians_and_ranges_leave_invalid_rounds_out() -> None:
    rows = [_row(1, 10.0), _row(2, 1000.0, invalid=True), _row(3, 30.0), _row(4, 20.0)]

    (line,) = sum_up(rows)

    spread = line.figures["per_s"]
    assert (spread.median, spread.low, spread.high, spread.rounds) == (20.0, 10.0, 30.0, 3)
    assert line.invalid == ["round 2: because"]


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        (Aim("a", "per_s", 20.0), True),
        (Aim("a", "per_s", 20.1), False),
        (Aim("a", "p99_ms", at_most=3.0), True),
        (Aim("a", "p99_ms", at_most=2.9), False),
        (Aim("a", "restart_s", at_most=2.9), False),
    ],
)
def test_aims_are_held_against_medians(aim: Aim, met: bool) -> None:
    (line,) = sum_up([_row(1, 20.0)], [aim])

    assert [goal.met for goal in line.goals] == [met]


def test_every_aim_of_the_table_is_for_a_cell_of_it() -> None:
    cells = table_cells()
    names = {cell.name for cell in cells}
    assert len(names) == len(cells)

    found = aims(cells)

    assert len(set(found)) == len(found)
    assert {aim.cell for aim in found if not aim.cell.startswith("large")} <= names
