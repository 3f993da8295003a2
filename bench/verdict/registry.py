"""Every rule of the verdict by name, and the judgement.

A rule is a function of ``Observations`` in the module of its subject here beside; a new one is one
function and one line in ``RULES``.
"""

from __future__ import annotations

from typing import Final

from bench.results import Status, Verdict
from bench.verdict import compaction, faults, generator, history, machine, outcome, standstill
from bench.verdict.observations import Observations, Rule

RULES: Final[dict[str, Rule]] = {
    "broken-off": outcome.broken_off,
    "pods-missing": outcome.pods_missing,
    "pods-surplus": outcome.pods_surplus,
    "audit-disagrees": outcome.audit_disagrees,
    "generator-late": generator.generator_late,
    "rate-missed": generator.rate_missed,
    "churn-missed": generator.churn_missed,
    "requests-failed": outcome.requests_failed,
    "process-died": outcome.process_died,
    "watch-gap": outcome.watch_gap,
    "history-broken": history.history_broken,
    "heartbeats-late": generator.heartbeats_late,
    "events-unsent": generator.events_unsent,
    "fault-missing": faults.fault_missing,
    "server-stalled": standstill.server_stalled,
    "collector-paused": standstill.collector_paused,
    "loop-lagged": standstill.loop_lagged,
    "compaction-missing": compaction.compaction_missing,
    "machine-busy": machine.machine_busy,
    "machine-stolen": machine.machine_stolen,
    "profiled": outcome.profiled,
    "settings-unproven": outcome.settings_unproven,
}


def judge(seen: Observations) -> Verdict:
    """Apply every rule: void if one says so, else degraded if one says so, else valid."""
    named = [(name, finding) for name, rule in RULES.items() for finding in rule(seen)]
    found = {finding.status for _, finding in named}
    worst = next((s for s in (Status.VOID, Status.DEGRADED) if s in found), Status.VALID)
    return Verdict(
        status=worst,
        reasons=[finding.reason for _, finding in named],
        rules=[name for name, _ in named],
    )
