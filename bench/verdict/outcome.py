"""Rules on what came of the run: whether all happened that was asked for, and was seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.results import Status
from bench.switch_proofs import Scale, unproven, unspread
from bench.verdict.observations import Finding, Observations

ERROR_SHARE_MAX: Final = 0.01
"""More failed requests than this and the latencies are of something else."""


def broken_off(seen: Observations) -> Iterator[Finding]:
    """Tell of a run that did not reach its end."""
    if not seen.completed:
        yield Finding(Status.VOID, "interrupted: the numbers cover a part of the run")
    if seen.failure:
        yield Finding(Status.VOID, f"the scenario failed: {seen.failure}")


def pods_missing(seen: Observations) -> Iterator[Finding]:
    """Tell of pods that did not come, or did not go."""
    if seen.pods_running < seen.pods_expected:
        missing = seen.pods_expected - seen.pods_running
        yield Finding(
            Status.VOID, f"{missing} of {seen.pods_expected} pods were never seen running"
        )
    if seen.pods_left:
        yield Finding(Status.VOID, f"{seen.pods_left} pods were never seen deleted")


def pods_surplus(seen: Observations) -> Iterator[Finding]:
    """A controller that makes too many heals itself, but the surplus counts in the rates."""
    if seen.pods_running > seen.pods_expected:
        surplus = seen.pods_running - seen.pods_expected
        yield Finding(
            Status.DEGRADED, f"{surplus} more pods ran than the {seen.pods_expected} asked for"
        )


def audit_disagrees(seen: Observations) -> Iterator[Finding]:
    """Tell where another decoder found something else than the recording."""
    for sentence in seen.audit:
        yield Finding(Status.VOID, f"the auditor disagrees: {sentence}")
    if seen.audits_made < seen.audits_expected:
        yield Finding(Status.VOID, f"{seen.audits_made} of {seen.audits_expected} audits were made")


def requests_failed(seen: Observations) -> Iterator[Finding]:
    """Tell how many of the measuring process's requests failed."""
    if not seen.request_errors:
        return
    share = seen.request_errors / max(seen.requests, 1)
    status = Status.VOID if share > ERROR_SHARE_MAX else Status.DEGRADED
    yield Finding(status, f"{seen.request_errors} of {seen.requests} requests failed")


def process_died(seen: Observations) -> Iterator[Finding]:
    """Tell of processes that ended unasked."""
    for name in seen.died:
        yield Finding(Status.VOID, f"a process died: {name}")


def watch_gap(seen: Observations) -> Iterator[Finding]:
    """Tell of a watch that was torn: what happened meanwhile has late stamps, or none."""
    if seen.watch_relisted:
        yield Finding(
            Status.VOID, f"the watch lost events {seen.watch_relisted} times and listed again"
        )
    if seen.watch_resumed:
        yield Finding(Status.DEGRADED, f"the watch was torn {seen.watch_resumed} times and resumed")


def profiled(seen: Observations) -> Iterator[Finding]:
    """Tell of profilers that ran beside."""
    if seen.profiled:
        yield Finding(Status.DEGRADED, "profiled: the profilers took CPU from what they looked at")


def settings_unproven(seen: Observations) -> Iterator[Finding]:
    """A cell that was not what its name says; not asked of a run that came to nothing anyway."""
    if not seen.completed or seen.failure or not seen.pods_running:
        return
    scale = Scale(seen.nodes, seen.pods_running)
    for sentence in unproven(seen.settings, seen.counters, scale):
        yield Finding(Status.VOID, sentence)
    for sentence in unspread(seen.servers, seen.nodes):
        yield Finding(Status.VOID, sentence)
