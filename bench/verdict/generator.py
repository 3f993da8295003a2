"""Rules on the load generator: whether it sent what it claims, when it should have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.results import Status
from bench.verdict.observations import Finding, Observations

LATE_P99_MS_MAX: Final = 50.0
"""A generator that is later than this does not send the load that it claims."""
LATE_VOID_MS: Final = 1000.0
EVENTS_UNSENT_SHARE_MAX: Final = 0.05
"""More events than this that were due and not posted, and the load was lighter than it says."""


def generator_late(seen: Observations) -> Iterator[Finding]:
    """Tell of a generator that sent later than it was to."""
    if seen.late_p99_ms is None or seen.late_p99_ms <= LATE_P99_MS_MAX:
        return
    status = Status.VOID if seen.late_p99_ms > LATE_VOID_MS else Status.DEGRADED
    yield Finding(
        status,
        f"the generator sent late: p99 {seen.late_p99_ms:.0f} ms, allowed {LATE_P99_MS_MAX:.0f} ms",
    )


def heartbeats_late(seen: Observations) -> Iterator[Finding]:
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


def events_unsent(seen: Observations) -> Iterator[Finding]:
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
