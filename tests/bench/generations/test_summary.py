"""From readings to lines: paired by round, failures left out, and steps that are the seed's."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from bench.generations.measures import MEASURES, TITLES
from bench.generations.orchestration import steps_of
from bench.generations.results import GENERATIONS_FILE, Generations, Line, Reading, Verdict
from bench.generations.settings import ROWS
from bench.generations.subjects import FAMILIES, SUBJECTS
from bench.generations.summary import details_of, lines_of
from bench.measuring import Measuring
from bench.results import read_json
from tests.bench.generations.quick import quick_rounds


def _reading(subject: str, round_: int, failed: str = "", **values: float) -> Reading:
    return Reading("raw", subject, round_, "h", values=values, failed=failed)


def _line(readings: list[Reading], measure: str, family: str = "real") -> Line:
    found = [each for each in lines_of(readings, ROWS) if each.measure == measure]
    return next(line for line in found if line.family == family)


def test_measures_have_keys_of_their_own_a_row_and_a_source() -> None:
    assert [key for key, count in Counter(each.key for each in MEASURES).items() if count > 1] == []
    assert {each.row for each in MEASURES} == set(TITLES) == set(ROWS)
    assert [each.key for each in MEASURES if not each.claim or not each.source] == []
    assert [each.key for each in MEASURES if bool(each.newer) == bool(each.bound)] == []


def test_line_pairs_the_rounds_that_both_have() -> None:
    readings = [
        *(_reading("etcd2-real", n, h_put_cpu_us=100.0 * n) for n in (1, 2, 3, 4, 5, 6)),
        *(_reading("etcd3-real", n, h_put_cpu_us=25.0 * n) for n in (1, 2, 3, 4, 5)),
    ]

    line = _line(readings, "h_put_cpu_us")

    assert line.ratio == pytest.approx(4.0)
    assert (line.rounds, line.verdict, line.size) == (5, Verdict.AS_CLAIMED, 2.0)
    assert line.older is not None
    assert line.older.rounds == 6
    assert _line(readings, "h_put_cpu_us", "ours").rounds == 0


def test_line_leaves_out_failed_readings() -> None:
    readings = [
        _reading("etcd2-real", 1, h_put_cpu_us=100.0),
        _reading("etcd3-real", 1, failed="it burned", h_put_cpu_us=1.0),
    ]

    line = _line(readings, "h_put_cpu_us")

    assert (line.rounds, line.newer, line.verdict) == (0, None, Verdict.UNDECIDED)


def test_line_of_a_bound_needs_the_older_generation_alone() -> None:
    readings = [_reading("etcd2-real", n, a_poll_per_s=2000.0) for n in range(1, 6)]

    line = _line(readings, "a_poll_500")

    assert line.ratio == pytest.approx(0.25)
    assert (line.verdict, line.newer, line.words) == (Verdict.OPPOSITE, None, "500 / etcd 2")


def test_details_hold_every_value_of_every_subject() -> None:
    readings = [_reading("etcd2", 1, x_s=1.0), _reading("etcd2", 2, x_s=3.0)]

    (detail,) = details_of(readings)

    assert (detail.name, detail.subject, detail.interval.mean) == ("x_s", "etcd2", 2.0)


def test_steps_visit_every_subject_once_a_round_in_an_order_of_the_seed() -> None:
    steps = steps_of(ROWS, list(SUBJECTS), 2, 7)

    assert steps == steps_of(ROWS, list(SUBJECTS), 2, 7)
    assert steps != steps_of(ROWS, list(SUBJECTS), 2, 8)
    assert [step.round for step in steps] == sorted(step.round for step in steps)
    counted = Counter((step.station, step.subject, step.round) for step in steps)
    assert set(counted.values()) == {1}
    assert len(counted) == 2 * (6 * 4 + 4 + 2)
    first, second = ([s[1:] for s in steps if s.round == n] for n in (1, 2))
    assert first != second
    assert sorted(first) == sorted(second)


def test_steps_that_are_held_against_each_other_are_neighbours() -> None:
    steps = steps_of(ROWS, list(SUBJECTS), 3, 7)

    for older, newer in FAMILIES.values():
        at = {
            (step.round, step.station, step.subject): number
            for number, step in enumerate(steps)
            if step.subject in (older, newer)
        }
        pairs = [(at[r, s, older], at[r, s, newer]) for r, s, x in at if (x, s) == (newer, s)]
        planes = [abs(a - b) for a, b in pairs if steps[a].station == "plane"]
        others = [abs(a - b) for a, b in pairs if steps[a].station != "plane"]
        assert set(others) == {1}
        assert set(planes) <= {1, 2}  # etcd 2 has another run, with JSON, in between or beside
        assert {a < b for a, b in pairs} == {True, False}


def test_steps_of_a_row_are_of_its_station_and_say_for_which_rows() -> None:
    steps = steps_of("f", ["etcd3"], 1, 0)

    assert [(step.station, step.rows) for step in steps] == [("large", "f")]


def test_rounds_that_are_all_kept_play_nothing(tmp_path: Path) -> None:
    kept = [
        Reading(step.station, step.subject, step.round, step.rows, values={"h_puts_per_s": 1.0})
        for step in steps_of("h", list(SUBJECTS), 2, 0)
    ]
    rounds = quick_rounds(tmp_path, rows="h", rounds=2, subjects=list(SUBJECTS), readings=kept)
    told: list[str] = []

    results = asyncio.run(rounds.play(Measuring(), told.append))

    assert isinstance(results, Generations)
    assert results.readings == kept
    assert len(told) == 8
    assert all(line.endswith("kept") for line in told)
    assert {line.family for line in results.lines} == set(FAMILIES)


def test_rounds_that_are_interrupted_say_that_they_are_not_whole(tmp_path: Path) -> None:
    measuring = Measuring()
    measuring.interrupted = True
    rounds = quick_rounds(tmp_path, rows="e", rounds=1, subjects=["etcd3"])

    results = asyncio.run(rounds.play(measuring, lambda _line: None))

    assert (results.complete, results.readings) == (False, [])
    assert read_json(tmp_path / GENERATIONS_FILE, Generations) == results


@pytest.mark.slow
def test_station_that_does_not_end_is_ended_and_told(tmp_path: Path) -> None:
    rounds = quick_rounds(tmp_path, rows="e", rounds=1, subjects=["etcd3"])
    rounds.station_s_max = 0.0

    results = asyncio.run(rounds.play(Measuring(), lambda _line: None))

    assert [reading.failed for reading in results.readings] == ["no end in 0 s"]


def test_results_hold_rows_and_rounds_of_an_earlier_time(tmp_path: Path) -> None:
    earlier = [
        Reading("raw", subject, 3, "h", values={"h_put_cpu_us": 4.0})
        for subject in FAMILIES["real"]
    ]
    rounds = quick_rounds(tmp_path, rows="e", rounds=1, subjects=["etcd3"], readings=earlier)

    results = rounds.results("2026-01-02T03:04:05", 1.0)

    assert (results.rows, results.rounds) == ("eh", 3)
    assert _line(results.readings, "h_put_cpu_us").rounds == 1
