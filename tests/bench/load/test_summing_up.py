"""What a load run is worth, and its percentiles; every rule has a run that makes it fire."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.load.recorder import ERRORS_MAX, Recorder
from bench.load.settings import RawLoad
from bench.load.summing_up import LOAD_RULES, failure_share, judge, summaries
from bench.results import Status


class RefusedError(Exception):
    """What a user gives for a refused call."""


def raw(good: int = 100, bad: int = 0, cpu_s: float = 1.0) -> RawLoad:
    recorder = Recorder()
    for number in range(good):
        recorder.record("GET", "kubectl: get pods", 1.0 + number / 10, 50, None)
    for _ in range(bad):
        recorder.record("GET", "kubectl: get pods", 9e9, 10, RefusedError("404"))
    return RawLoad(
        started_s=100.0,
        ended_s=110.0,
        users={"kubectl": 3},
        calls=recorder.statistics(),
        watch_events=0,
        watches_torn=0,
        pods_run=0,
        cpu_s=cpu_s,
        rss_max_mib=1.0,
    )


def test_a_sound_run_is_valid() -> None:
    assert judge(raw()).status is Status.VALID
    assert judge(raw()).reasons == []


FIRING = {
    "_no_calls": (raw(0), Status.VOID, "not one call"),
    "_failures": (raw(90, 10), Status.DEGRADED, "10.0% of the calls failed"),
    "_saturated": (raw(cpu_s=9.5), Status.DEGRADED, "0.95 of its one core"),
}


@pytest.mark.parametrize("rule", LOAD_RULES, ids=lambda rule: rule.__name__)
def test_every_rule_fires(rule: object) -> None:
    load, status, said = FIRING[getattr(rule, "__name__", "")]
    verdict = judge(load)

    assert verdict.status is status
    assert len(verdict.reasons) == 1
    assert said in verdict.reasons[0]


def test_a_run_that_mostly_fails_says_nothing() -> None:
    assert judge(raw(40, 60)).status is Status.VOID
    assert judge(raw(1000, 10)).status is Status.VALID


def test_latencies_are_of_what_succeeded() -> None:
    (summary,) = summaries(raw(100, 3))

    assert (summary.user, summary.name, summary.method) == ("kubectl", "get pods", "GET")
    assert (summary.count, summary.failures, summary.errors) == (103, 3, {"404": 3})
    assert summary.per_s == pytest.approx(10.3)
    assert summary.p50_ms == pytest.approx(5.9, rel=0.01)
    assert summary.max_ms == pytest.approx(10.9, rel=0.01)
    assert summary.received_bytes == 5030
    assert failure_share(raw(97, 3)) == pytest.approx(0.03)
    assert failure_share(replace(raw(), calls=[])) == 0


def test_calls_without_a_success_have_no_latency() -> None:
    (summary,) = summaries(raw(0, 3))
    assert (summary.p50_ms, summary.max_ms) == (None, None)


def test_errors_are_kept_up_to_a_bound() -> None:
    recorder = Recorder()
    for number in range(3 * ERRORS_MAX):
        recorder.record("GET", "a: b", 1.0, 0, RefusedError(str(number) * 500))
    (calls,) = recorder.statistics()

    assert len(calls.errors) == ERRORS_MAX
    assert max(map(len, calls.errors)) == 200
