"""Every rule of the verdict is made to fire."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.history.report import HistoryReport
from bench.latency import Latency
from bench.load_results import Load, MachineUse, Sent, Stall, Vitals
from bench.results import Status
from bench.steady_results import Compactions, Steady
from bench.verdict.observations import Observations
from bench.verdict.registry import RULES, judge

GOOD = Observations(
    pods_expected=100, pods_running=100, pods_left=0, audits_made=2, late_p99_ms=1.0, requests=50
)


FINE = MachineUse(60.0, 2, 1.9, 0.01, 1.2, 0.6, 0.1)
SLOW = Latency(count=9, p99_ms=20.0, max_ms=1_200.0)


def loaded(**parts: Any) -> Observations:
    """Return a good run whose load had these parts."""
    return replace(GOOD, nodes=100, load=Load(**parts))


def sent(achieved_per_s: float, what: str = "create pods", intended: int = 200) -> Sent:
    return Sent("steady", what, intended, intended, 20.0, achieved_per_s)


def vitals(**parts: Any) -> dict[str, Vitals]:
    usual: dict[str, Any] = {
        "pauses": 9,
        "pause_max_ms": 60.0,
        "pause_share": 0.01,
        "frozen_max_ms": 80.0,
    }
    lags = {"lag_p50_ms": 0.3, "lag_p99_ms": 12.0, "lag_max_ms": 80.0}
    return {"nodes": Vitals(**{**usual, **lags, **parts})}


def stalled(what: str, lasted_s: float) -> list[Stall]:
    return [Stall("steady", what, 9.0, lasted_s), Stall("steady", what, 4.0, 1.5)]


def events(posted: int, dropped: int, waiting: int) -> dict[str, float]:
    return {"events_posted": posted, "events_dropped": dropped, "events_waiting": waiting}


def kept(code: int) -> Compactions:
    """Return what a store without compaction came to, where an old read was answered so."""
    return Compactions(150.0, 0, 0, 80, code, declared=False, last_revision=99)


def compacted(found: Compactions) -> Steady:
    """Return a steady phase in which this was forgotten."""
    return Steady(300.0, {}, 20.0, 20.0, Latency(), Latency(), [], {}, compactions=found)


def churned(per_s: float, passed: int) -> Observations:
    """Return a good run whose churn made so many of 20 changes a second."""
    steady = Steady(300.0, {"passed": passed}, 20.0, per_s, Latency(), Latency(), [], {})
    return replace(GOOD, steady=steady)


W = {"requests_PATCH_pods/status": 9.0}

FIRING = [
    ("broken-off", replace(GOOD, completed=False), Status.VOID, "interrupted"),
    ("broken-off", replace(GOOD, failure="ApiError: 500"), Status.VOID, "ApiError: 500"),
    ("pods-missing", replace(GOOD, pods_running=99), Status.VOID, "1 of 100 pods"),
    ("pods-missing", replace(GOOD, pods_left=3), Status.VOID, "3 pods were never seen deleted"),
    ("pods-surplus", replace(GOOD, pods_running=102), Status.DEGRADED, "2 more pods ran than"),
    ("audit-disagrees", replace(GOOD, audit=["full: x"]), Status.VOID, "auditor disagrees: full"),
    ("audit-disagrees", replace(GOOD, audits_made=1), Status.VOID, "1 of 2 audits"),
    ("generator-late", replace(GOOD, late_p99_ms=60.0), Status.DEGRADED, "sent late: p99 60 ms"),
    ("generator-late", replace(GOOD, late_p99_ms=1500.0), Status.VOID, "sent late: p99 1500 ms"),
    (
        "generator-late",
        loaded(sent=[replace(sent(20.0), late=SLOW)]),
        Status.DEGRADED,
        "sent create pods 1.2 s late in the steady phase, allowed 1 s",
    ),
    ("churn-missed", churned(9.0, 3300), Status.DEGRADED, "churn: 9 changes a second in the"),
    ("rate-missed", loaded(sent=[sent(18.0)]), Status.DEGRADED, "18 a second in the steady"),
    ("rate-missed", loaded(sent=[sent(15.0)]), Status.VOID, "intended 20: 75%, allowed 95%"),
    (
        "rate-missed",
        loaded(sent=[sent(17.0, "heartbeats", 1000)]),
        Status.DEGRADED,
        "heartbeats: 17 a second",
    ),
    (
        "fault-missing",
        replace(GOOD, etcd_faults_asked=1),
        Status.DEGRADED,
        "1 of 1 faults in etcd were not planted",
    ),
    (
        "server-stalled",
        loaded(stalls=stalled("answer", 2.0)),
        Status.DEGRADED,
        "the API server answered nothing for 2.0 s in the steady phase, allowed 1 s",
    ),
    (
        "server-stalled",
        loaded(stalls=stalled("progress", 12.0)),
        Status.VOID,
        "no event came on the watch, though pods were due, for 12.0 s in the steady phase",
    ),
    (
        "collector-paused",
        loaded(vitals=vitals(pause_max_ms=240.0)),
        Status.DEGRADED,
        "nodes paused for 240 ms to collect garbage, allowed 100 ms",
    ),
    ("collector-paused", loaded(vitals=vitals(pause_max_ms=1001.0)), Status.VOID, "1001 ms"),
    ("loop-lagged", loaded(vitals=vitals(lag_p99_ms=70.0)), Status.DEGRADED, "p99 70 ms, allowed"),
    ("loop-lagged", loaded(vitals=vitals(lag_p99_ms=1200.0)), Status.VOID, "nodes lagged: p99"),
    (
        "loop-lagged",
        loaded(vitals=vitals(frozen_max_ms=2000.0)),
        Status.DEGRADED,
        "nodes stood still for 2.0 s, allowed 1 s",
    ),
    (
        "compaction-missing",
        replace(GOOD, steady=compacted(Compactions(150.0, in_phase=0, revision=9))),
        Status.VOID,
        "the store was not compacted in the steady phase, asked every 150 s",
    ),
    (
        "compaction-missing",
        replace(GOOD, steady=compacted(Compactions(150.0, in_phase=None, revision=None))),
        Status.DEGRADED,
        "whether the store was compacted in the steady phase is not known",
    ),
    (
        "compaction-missing",
        replace(GOOD, steady=compacted(Compactions(150.0, 2, 90, read_revision=80, read_code=200))),
        Status.VOID,
        "revision 80 was compacted away (90 is the oldest left), but a read of it was answered",
    ),
    (
        "compaction-missing",
        replace(GOOD, steady=compacted(kept(200))),
        Status.VOID,
        "declares that it keeps no old states, but a read as of revision 80 was answered with 200",
    ),
    (
        "compaction-missing",
        replace(GOOD, steady=compacted(replace(kept(410), in_phase=1))),
        Status.VOID,
        "1 compactions of a store that declares that it has none",
    ),
    (
        "machine-busy",
        loaded(machine={"fill": replace(FINE, others_cores=0.3)}),
        Status.DEGRADED,
        "other processes took 0.30 of 2 cores in the fill phase: 15%, allowed 10%",
    ),
    (
        "machine-busy",
        loaded(machine={"fill": replace(FINE, others_cores=1.2)}),
        Status.VOID,
        "1.20 of 2 cores",
    ),
    (
        "machine-stolen",
        loaded(machine={"fill": replace(FINE, stolen_share=0.2)}),
        Status.DEGRADED,
        "took 20% of the cores' time in the fill phase",
    ),
    ("requests-failed", replace(GOOD, requests=500, request_errors=1), Status.DEGRADED, "1 of 500"),
    ("requests-failed", replace(GOOD, request_errors=5), Status.VOID, "5 of 50 requests failed"),
    ("process-died", replace(GOOD, died=["nodes (exit code 1)"]), Status.VOID, "nodes (exit"),
    ("watch-gap", replace(GOOD, watch_relisted=1), Status.VOID, "lost events 1 times"),
    ("watch-gap", replace(GOOD, watch_resumed=2), Status.DEGRADED, "torn 2 times"),
    (
        "heartbeats-late",
        replace(GOOD, counters={"nodes": {"heartbeat_missed": 3.0}}),
        Status.DEGRADED,
        "nodes missed 3 heartbeats",
    ),
    (
        "heartbeats-late",
        replace(GOOD, heartbeat_s=10.0, counters={"nodes": {"heartbeat_late_ms_max": 12_340.0}}),
        Status.DEGRADED,
        "nodes sent a heartbeat 12.3 s late, allowed 10 s",
    ),
    (
        "events-unsent",
        replace(GOOD, counters={"control": events(46_548, 6_500, 6_952), "nodes": events(9, 0, 0)}),
        Status.DEGRADED,
        "control dropped 6,500 of 60,000 events and left 6,952 in line: 22.4%, allowed 5%",
    ),
    (
        "events-unsent",
        replace(GOOD, counters={"nodes": events(0, 0, 1)}),
        Status.DEGRADED,
        "nodes dropped 0 of 1 events and left 1 in line: 100.0%",
    ),
    (
        "history-broken",
        replace(
            GOOD,
            history=HistoryReport(
                violations={"watch-gap-free": 3}, examples={"watch-gap-free": ["x", "y", "z"]}
            ),
        ),
        Status.VOID,
        "history, watch-gap-free: 3 broken: x; y",
    ),
    (
        "history-broken",
        replace(GOOD, history=HistoryReport(error="torn")),
        Status.VOID,
        "the history was kept, but not checked: torn",
    ),
    ("profiled", replace(GOOD, profiled=True), Status.DEGRADED, "profiled"),
    (
        "settings-unproven",
        replace(
            GOOD,
            settings={"kubelet_writes": "patch"},
            counters={"nodes": {"pod_status_puts": 9.0, "pod_status_patches": 9.0}, "apiserver": W},
        ),
        Status.VOID,
        "pod_status_puts + heartbeat_status_puts of nodes is 9, not 0 or less",
    ),
]


def test_a_good_run_is_valid_without_reasons() -> None:
    verdict = judge(GOOD)

    assert verdict.status is Status.VALID
    assert verdict.reasons == []


@pytest.mark.parametrize(("rule", "seen", "status", "words"), FIRING)
def test_a_rule_fires(rule: str, seen: Observations, status: Status, words: str) -> None:
    verdict = judge(seen)

    assert verdict.status is status
    assert [words in reason for reason in verdict.reasons] == [True]
    assert [finding.reason for finding in RULES[rule](seen)] == verdict.reasons


def test_processes_that_kept_up_are_not_blamed() -> None:
    kept_up = {"heartbeat_missed": 0.0, "heartbeat_late_ms_max": 10_000.0, **events(95, 2, 3)}

    verdict = judge(replace(GOOD, heartbeat_s=10.0, counters={"nodes": kept_up, "apiserver": {}}))

    assert verdict.reasons == []


NEAR_LIMITS = Load(
    sent=[
        sent(19.1),
        Sent("steady", "create pods", 3, 3, 20.0, 8.0),  # too short to be judged
        Sent("steady", "delete pods", 1, 1, None, None),
        sent(16.0, "heartbeats", 60),  # of 100 nodes, so that chance alone may do it
        Sent("run", "heartbeats", 300, 300, 20.0, 20.0, late=SLOW),  # another rule's
    ],
    machine={"fill": FINE, "steady": replace(FINE, seconds=4.9, others_cores=1.9)},
    vitals=vitals(pause_max_ms=99.0, lag_p99_ms=49.0, frozen_max_ms=999.0),
    stalls=[Stall("fill", "answer", 1.0, 0.9), Stall("fill", "progress", 1.0, 1.0)],
)


def test_a_load_within_its_limits_is_not_blamed() -> None:
    assert judge(replace(GOOD, nodes=100, load=NEAR_LIMITS)).reasons == []


@pytest.mark.parametrize(("per_s", "passed"), [(19.0, 300), (20.0, 0), (10.0, 1)])
def test_churn_of_which_few_turns_passed_is_not_blamed(per_s: float, passed: int) -> None:
    assert judge(churned(per_s, passed)).reasons == []


def test_each_reason_stands_beside_the_rule_that_gave_it() -> None:
    verdict = judge(replace(GOOD, watch_resumed=1, pods_left=1))

    assert verdict.rules == ["pods-missing", "watch-gap"]


def test_without_heartbeats_none_is_late() -> None:
    late = {"nodes": {"heartbeat_late_ms_max": 1.0}}

    assert judge(replace(GOOD, heartbeat_s=0.0, counters=late)).status is Status.VALID


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_case_that_makes_it_fire_and_passes_a_good_run(rule: str) -> None:
    assert rule in {fired for fired, *_ in FIRING}
    assert list(RULES[rule](GOOD)) == []


def test_void_outweighs_degraded_and_both_reasons_are_given() -> None:
    verdict = judge(replace(GOOD, watch_resumed=1, pods_left=1))

    assert verdict.status is Status.VOID
    assert len(verdict.reasons) == 2
