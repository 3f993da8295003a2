"""Rules on the load generator: whether it sent what it claims, when it should have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from bench.load_results import HEARTBEATS
from bench.results import Status
from bench.verdict.observations import Finding, Observations

LATE_P99_MS_MAX: Final = 50.0
"""A generator that is later than this does not send the load that it claims. A quarter of the
interval between two probes, and ten times what a run of 2000 nodes on a quiet machine shows
(1.2 to 4.6 ms)."""
LATE_VOID_MS: Final = 1000.0
LATE_MAX_MS: Final = 1000.0
"""A single lateness of a service level's length: the percentiles of a long run would hide it."""
RATE_SHARE_MIN: Final = 0.95
"""Less than this part of the rate asked for, and the rate printed is another one's. Over a second,
the least that is judged, it is a lateness of 50 ms."""
RATE_SHARE_VOID: Final = 0.8
RATE_SPAN_S_MIN: Final = 1.0
CHURN_SHARE_MIN: Final = 0.8
"""Turns pass while nothing may go yet: half of them until the first pods have lived long enough,
which is up to a tenth of the phase, and up to 5 % of all. More, and there were too few controllers
and probes, or too slow ones, for the rate asked for."""
EVENTS_UNSENT_SHARE_MAX: Final = 0.05
"""More events than this that were due and not posted, and the load was lighter than it says."""


def generator_late(seen: Observations) -> Iterator[Finding]:
    """Tell of a generator that sent later than it was to."""
    p99_ms = seen.late_p99_ms or 0.0
    if p99_ms > LATE_P99_MS_MAX:
        yield Finding(
            Status.VOID if p99_ms > LATE_VOID_MS else Status.DEGRADED,
            f"the generator sent late: p99 {p99_ms:.0f} ms, allowed {LATE_P99_MS_MAX:.0f} ms",
        )
    for row in seen.load.sent:
        late_ms = row.late.max_ms or 0.0
        if row.what != HEARTBEATS and late_ms > LATE_MAX_MS:
            yield Finding(
                Status.DEGRADED,
                f"the generator sent {row.what} {late_ms / 1000:.1f} s late in the {row.phase} "
                f"phase, allowed {LATE_MAX_MS / 1000:g} s",
            )


def rate_missed(seen: Observations) -> Iterator[Finding]:
    """Tell of schedules that were not kept up with."""
    for row in seen.load.sent:
        wanted, got = row.intended_per_s, row.achieved_per_s
        if not wanted or got is None or row.intended / wanted < RATE_SPAN_S_MIN:
            continue
        # Each node's beat falls into the time looked at or not, by chance: three deviations.
        chance = 1.5 * math.sqrt(seen.nodes) if row.what == HEARTBEATS else 0.0
        share = got / wanted + chance / row.intended
        if share < RATE_SHARE_MIN:
            yield Finding(
                Status.VOID if share < RATE_SHARE_VOID else Status.DEGRADED,
                f"{row.what}: {got:.3g} a second in the {row.phase} phase, intended "
                f"{wanted:.3g}: {got / wanted:.0%}, allowed {RATE_SHARE_MIN:.0%}",
            )


def churn_missed(seen: Observations) -> Iterator[Finding]:
    """Tell of a steady phase that was much quieter than it is called: turns were passed over."""
    steady = seen.steady
    if steady is None or not steady.changes_asked_per_s or steady.changes_per_s is None:
        return
    share = steady.changes_per_s / steady.changes_asked_per_s
    if share < CHURN_SHARE_MIN and steady.changes.get("passed", 0) > 1:
        yield Finding(
            Status.DEGRADED,
            f"churn: {steady.changes_per_s:.3g} changes a second in the steady phase, asked "
            f"{steady.changes_asked_per_s:.3g}: {share:.0%}, allowed {CHURN_SHARE_MIN:.0%}",
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
