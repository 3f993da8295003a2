"""Every rule of the verdict is made to fire."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.results import Status
from bench.verdict.observations import Observations
from bench.verdict.registry import RULES, judge

GOOD = Observations(
    pods_expected=100, pods_running=100, pods_left=0, audits_made=2, late_p99_ms=1.0, requests=50
)


def events(posted: int, dropped: int, waiting: int) -> dict[str, float]:
    return {"events_posted": posted, "events_dropped": dropped, "events_waiting": waiting}


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
