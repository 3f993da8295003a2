"""The verdict: rules that look at what a run observed, and say what its numbers are worth.

Each rule is a function of ``Observations``; a new one is one function and one line in ``RULES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bench.results import Status, Verdict
from bench.switch_proofs import Scale, unproven

LATE_P99_MS_MAX: Final = 50.0
"""A generator that is later than this does not send the load that it claims."""
LATE_VOID_MS: Final = 1000.0
ERROR_SHARE_MAX: Final = 0.01
"""More failed requests than this and the latencies are of something else."""
EVENTS_UNSENT_SHARE_MAX: Final = 0.05
"""More events than this that were due and not posted, and the load was lighter than it says."""


@dataclass(frozen=True, slots=True)
class Observations:
    """What the rules judge."""

    pods_expected: int
    pods_running: int
    pods_left: int
    """Still there after the delete phase."""
    completed: bool = True
    """False when the run was interrupted."""
    failure: str = ""
    """What the scenario failed with."""
    audit: list[str] = field(default_factory=list)
    """Where the auditor disagreed; a sentence each."""
    audits_made: int = 2
    audits_expected: int = 2
    late_p99_ms: float | None = None
    requests: int = 0
    request_errors: int = 0
    died: list[str] = field(default_factory=list)
    """Processes that ended before they were asked to, with their exit code."""
    watch_resumed: int = 0
    """Times that the watch was torn and went on from its last revision: nothing was lost."""
    watch_relisted: int = 0
    """Times that it could not go on: events were lost, their stamps with them."""
    heartbeat_s: float = 0.0
    """Between two heartbeats of a node; 0: there are none."""
    counters: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By process: the counters of its ``--stats`` at the end; a rule passes over what lacks."""
    profiled: bool = False
    nodes: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the cell, by name; each is to be borne out by the counters."""


class Finding(NamedTuple):
    """A rule that fired."""

    status: Status
    reason: str


def _broken_off(seen: Observations) -> Iterator[Finding]:
    if not seen.completed:
        yield Finding(Status.VOID, "interrupted: the numbers cover a part of the run")
    if seen.failure:
        yield Finding(Status.VOID, f"the scenario failed: {seen.failure}")


def _pods_missing(seen: Observations) -> Iterator[Finding]:
    if seen.pods_running < seen.pods_expected:
        missing = seen.pods_expected - seen.pods_running
        yield Finding(
            Status.VOID, f"{missing} of {seen.pods_expected} pods were never seen running"
        )
    if seen.pods_left:
        yield Finding(Status.VOID, f"{seen.pods_left} pods were never seen deleted")


def _pods_surplus(seen: Observations) -> Iterator[Finding]:
    """A controller that makes too many heals itself, but the surplus counts in the rates."""
    if seen.pods_running > seen.pods_expected:
        surplus = seen.pods_running - seen.pods_expected
        yield Finding(
            Status.DEGRADED, f"{surplus} more pods ran than the {seen.pods_expected} asked for"
        )


def _audit_disagrees(seen: Observations) -> Iterator[Finding]:
    for sentence in seen.audit:
        yield Finding(Status.VOID, f"the auditor disagrees: {sentence}")
    if seen.audits_made < seen.audits_expected:
        yield Finding(Status.VOID, f"{seen.audits_made} of {seen.audits_expected} audits were made")


def _generator_late(seen: Observations) -> Iterator[Finding]:
    if seen.late_p99_ms is None or seen.late_p99_ms <= LATE_P99_MS_MAX:
        return
    status = Status.VOID if seen.late_p99_ms > LATE_VOID_MS else Status.DEGRADED
    yield Finding(
        status,
        f"the generator sent late: p99 {seen.late_p99_ms:.0f} ms, allowed {LATE_P99_MS_MAX:.0f} ms",
    )


def _requests_failed(seen: Observations) -> Iterator[Finding]:
    if not seen.request_errors:
        return
    share = seen.request_errors / max(seen.requests, 1)
    status = Status.VOID if share > ERROR_SHARE_MAX else Status.DEGRADED
    yield Finding(status, f"{seen.request_errors} of {seen.requests} requests failed")


def _process_died(seen: Observations) -> Iterator[Finding]:
    for name in seen.died:
        yield Finding(Status.VOID, f"a process died: {name}")


def _watch_gap(seen: Observations) -> Iterator[Finding]:
    if seen.watch_relisted:
        yield Finding(
            Status.VOID, f"the watch lost events {seen.watch_relisted} times and listed again"
        )
    if seen.watch_resumed:
        yield Finding(Status.DEGRADED, f"the watch was torn {seen.watch_resumed} times and resumed")


def _heartbeats_late(seen: Observations) -> Iterator[Finding]:
    """The nodes did not keep their rhythm: less load than real kubelets would have been."""
    for name, counters in seen.counters.items():
        missed = counters.get("heartbeat_missed", 0.0)
        if missed:
            yield Finding(Status.DEGRADED, f"{name} missed {missed:.0f} heartbeats")
        late_s = counters.get("heartbeat_late_ms_max", 0.0) / 1000
        if seen.heartbeat_s and late_s > seen.heartbeat_s:
            yield Finding(
                Status.DEGRADED,
                f"{name} sent a heartbeat {late_s:.1f} s late, allowed {seen.heartbeat_s:g} s",
            )


def _events_unsent(seen: Observations) -> Iterator[Finding]:
    """Components report what they do; what is not posted is load that was left out."""
    for name, counters in seen.counters.items():
        dropped, waiting = (counters.get(f"events_{fate}", 0.0) for fate in ("dropped", "waiting"))
        unsent = dropped + waiting
        due = counters.get("events_posted", 0.0) + unsent
        if unsent > EVENTS_UNSENT_SHARE_MAX * due:
            yield Finding(
                Status.DEGRADED,
                f"{name} dropped {dropped:,.0f} of {due:,.0f} events and left {waiting:,.0f} in "
                f"line: {unsent / due:.1%}, allowed {EVENTS_UNSENT_SHARE_MAX:.0%}",
            )


def _profiled(seen: Observations) -> Iterator[Finding]:
    if seen.profiled:
        yield Finding(Status.DEGRADED, "profiled: the profilers took CPU from what they looked at")


def _settings_unproven(seen: Observations) -> Iterator[Finding]:
    """A cell that was not what its name says; not asked of a run that came to nothing anyway."""
    if not seen.completed or seen.failure or not seen.pods_running:
        return
    scale = Scale(seen.nodes, seen.pods_running)
    for sentence in unproven(seen.settings, seen.counters, scale):
        yield Finding(Status.VOID, sentence)


Rule = Callable[[Observations], Iterator[Finding]]

RULES: Final[dict[str, Rule]] = {
    "broken-off": _broken_off,
    "pods-missing": _pods_missing,
    "pods-surplus": _pods_surplus,
    "audit-disagrees": _audit_disagrees,
    "generator-late": _generator_late,
    "requests-failed": _requests_failed,
    "process-died": _process_died,
    "watch-gap": _watch_gap,
    "heartbeats-late": _heartbeats_late,
    "events-unsent": _events_unsent,
    "profiled": _profiled,
    "settings-unproven": _settings_unproven,
}


def judge(seen: Observations) -> Verdict:
    """Apply every rule: void if one says so, else degraded if one says so, else valid."""
    findings = [finding for rule in RULES.values() for finding in rule(seen)]
    found = {finding.status for finding in findings}
    worst = next((s for s in (Status.VOID, Status.DEGRADED) if s in found), Status.VALID)
    return Verdict(status=worst, reasons=[finding.reason for finding in findings])
