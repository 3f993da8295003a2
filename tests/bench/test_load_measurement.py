from __future__ import annotations

from dataclasses import replace

import pytest

from bench.machine import MachineTimes
from bench.measurements.load import STALL_NS_MIN, load
from bench.observed import Observed
from bench.pulse import Beat, Freeze
from bench.requests import Call, Request
from bench.results import Config
from bench.sampling import Usage
from bench.scenarios.stage import Mark, PhaseRecord
from bench.statistics_files import ProcessStatistics
from bench.switches import PodBehaviour
from tests.bench.run_results import MS, ORIGIN, S, observed

CREATE = Call("create", "pods")


def mark(at_s: float, cpu_s: float, machine: MachineTimes | None, beats: float) -> Mark:
    usage = {
        "apiserver": Usage(3 * cpu_s, 0, 0),
        "control": Usage(cpu_s, 0, 0),
        "nodes": Usage(2 * cpu_s, 0, 0),
        "measuring": Usage(cpu_s, 0, 0),
    }
    counters = {"nodes": {"heartbeat_beats": beats, "heartbeat_late_ms_p99": 4.0}}
    return Mark(ORIGIN + int(at_s * S), usage, 1, "", counters, machine)


def steady(**parts: object) -> Observed:
    """Return a run of one phase of ten seconds; nothing was used in it but what is said here."""
    begin = mark(0, 1.0, MachineTimes(100.0, 50.0, 2.0, 1.0), beats=30)
    end = mark(10, 2.0, MachineTimes(114.0, 55.0, 3.0, 1.5), beats=75)
    made = replace(
        observed(),
        config=Config(nodes=100, heartbeat_s=20.0),
        requests=[],
        phases=[PhaseRecord("steady", begin, end)],
        statistics={},
    )
    return replace(made, **parts)  # type: ignore[arg-type]  # fields by name, of many types


def request(due_ms: int, late_ms: int, took_ms: int, *, scheduled: bool = True) -> Request:
    due_ns = ORIGIN + due_ms * MS
    sent_ns = due_ns + late_ms * MS
    return Request(CREATE, due_ns, sent_ns, sent_ns + took_ms * MS, 201, scheduled=scheduled)


def test_a_schedule_tells_its_rate_its_lateness_and_its_latency_from_when_it_was_due() -> None:
    made = [request(200 * at, 0, 5) for at in range(10)] + [request(2000, 500, 5)]

    rows = load(steady(requests=[*made, request(0, 0, 9000, scheduled=False)])).sent

    row = rows[0]
    assert (row.phase, row.what, row.intended, row.sent) == ("steady", "create pods", 11, 11)
    assert row.intended_per_s == pytest.approx(5.0)
    assert row.achieved_per_s == pytest.approx(4.0)
    assert row.achieved_share == pytest.approx(0.8)
    assert row.late.max_ms == pytest.approx(500, rel=0.01)
    assert row.answered.max_ms == pytest.approx(505, rel=0.01)


def test_a_single_request_has_no_rate() -> None:
    row = load(steady(requests=[request(0, 0, 5)])).sent[0]

    assert (row.intended_per_s, row.achieved_per_s, row.achieved_share) == (None, None, None)


def test_heartbeats_are_held_against_the_nodes_and_the_interval() -> None:
    (row,) = load(steady()).sent

    assert (row.what, row.intended, row.sent) == ("heartbeats", 50, 45)
    assert row.achieved_share == pytest.approx(0.9)
    assert row.late.p99_ms == 4.0


def test_the_cores_of_all_parts_add_up_to_the_machine_s() -> None:
    use = load(steady()).machine["steady"]

    assert (use.seconds, use.cores) == (10.0, 2)
    assert use.busy_cores == pytest.approx(1.4)
    assert use.plane_cores == pytest.approx(0.4)
    assert use.generator_cores == pytest.approx(0.35)
    assert use.others_cores == pytest.approx(0.65)
    assert use.others_share == pytest.approx(0.325)
    assert use.stolen_share == pytest.approx(1 / 20)


def test_a_machine_that_does_not_tell_is_left_out() -> None:
    blind = [PhaseRecord("steady", mark(0, 1, None, 0), mark(10, 2, None, 0))]

    assert load(steady(phases=blind)).machine == {}


def test_pauses_and_lags_count_where_they_were_under_way_in_a_phase() -> None:
    told = ProcessStatistics(
        {},
        {
            "pauses_ms": [900.0, 40.0],
            "began_ns": [ORIGIN + 20 * S, ORIGIN + S],
            "total_ms": 500.0,
            "count": 7,
            "over_ms": 10_000.0,
        },
        {"p50": 0.5, "p99": 8.0, "max": 3000.0},
        {"lags_ms": [3000.0, 1500.0], "began_ns": [ORIGIN + 20 * S, ORIGIN - S]},
    )

    vitals = load(steady(statistics={"nodes": told})).vitals["nodes"]

    assert (vitals.pauses, vitals.pause_max_ms, vitals.pause_share) == (7, 40.0, 0.05)
    assert (vitals.lag_p99_ms, vitals.lag_max_ms, vitals.frozen_max_ms) == (8.0, 3000.0, 1500.0)


def test_waiting_for_an_answer_is_a_stall_of_its_phase_only() -> None:
    beats = [
        Beat(ORIGIN + 1 * S, 20 * MS, answered=True),
        Beat(ORIGIN + 4 * S, 2 * S, answered=True),
        Beat(ORIGIN + 6 * S, STALL_NS_MIN, answered=False),
        Beat(ORIGIN + 12 * S, 9 * S, answered=True),  # an audit
    ]

    found = load(steady(beats=beats))

    told = [(s.phase, s.what, s.begin_s, s.lasted_s) for s in found.stalls]
    assert told == [("steady", "answer", 4.0, 2.0), ("steady", "answer", 6.0, 0.25)]
    assert found.answer.count == 2


def test_a_gap_on_the_watch_is_a_stall_less_what_the_measuring_process_slept() -> None:
    gaps = [(ORIGIN + 1 * S, ORIGIN + 5 * S), (ORIGIN + 6 * S, ORIGIN + 7 * S)]
    freezes = [Freeze(ORIGIN, ORIGIN + 3 * S), Freeze(ORIGIN + 6 * S, ORIGIN + 7 * S)]

    stalls = load(steady(gaps=gaps, freezes=freezes)).stalls

    assert [(s.what, s.lasted_s) for s in stalls] == [("progress", 2.0)]


def test_gaps_of_pods_that_were_told_to_be_slow_are_nobody_s_fault() -> None:
    slow = Config(behaviour=PodBehaviour(start_latency_ms="2000"))

    assert load(steady(config=slow, gaps=[(ORIGIN, ORIGIN + 2 * S)])).stalls == []
