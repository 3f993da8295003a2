"""What a load run gave: percentiles and rates of the raw counts, and a verdict on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from bench.load.settings import CallStatistics, CallSummary, RawLoad
from bench.measurements.histogram import LatencyHistogram
from bench.results import Status, Verdict
from bench.verdict.observations import Finding

FAILURE_SHARE_MAX: Final = 0.01
FAILURE_SHARE_VOID: Final = 0.5
CORES_MAX: Final = 0.9
"""Of the one core that a gevent process can use: above it the latencies are its own."""


def duration_s(raw: RawLoad) -> float:
    """Return how long the load was on."""
    return max(raw.ended_s - raw.started_s, 1e-9)


def summaries(raw: RawLoad) -> list[CallSummary]:
    """Return each sort of call with its rate and percentiles."""
    return [_summary(calls, duration_s(raw)) for calls in raw.calls]


def failure_share(raw: RawLoad) -> float:
    """Return which share of all calls failed."""
    count = sum(calls.count for calls in raw.calls)
    return sum(calls.failures for calls in raw.calls) / count if count else 0.0


def generator_cores(raw: RawLoad) -> float:
    """Return how many cores the load process kept busy."""
    return raw.cpu_s / duration_s(raw)


def _summary(calls: CallStatistics, over_s: float) -> CallSummary:
    latency = LatencyHistogram.decode(calls.histogram).summary()
    return CallSummary(
        user=calls.user,
        name=calls.name,
        method=calls.method,
        count=calls.count,
        failures=calls.failures,
        errors=calls.errors,
        per_s=calls.count / over_s,
        received_bytes=calls.received_bytes,
        p50_ms=latency.p50_ms,
        p90_ms=latency.p90_ms,
        p99_ms=latency.p99_ms,
        max_ms=latency.max_ms,
    )


def judge(raw: RawLoad) -> Verdict:
    """Return what the numbers are worth."""
    findings = [finding for rule in LOAD_RULES for finding in rule(raw)]
    reasons = [finding.reason for finding in findings]
    if any(finding.status is Status.VOID for finding in findings):
        return Verdict(Status.VOID, reasons)
    return Verdict(Status.DEGRADED if findings else Status.VALID, reasons)


def _no_calls(raw: RawLoad) -> Iterator[Finding]:
    if not sum(calls.count for calls in raw.calls):
        yield Finding(Status.VOID, "not one call was made")


def _failures(raw: RawLoad) -> Iterator[Finding]:
    share = failure_share(raw)
    if share > FAILURE_SHARE_MAX:
        status = Status.VOID if share > FAILURE_SHARE_VOID else Status.DEGRADED
        yield Finding(status, f"{share:.1%} of the calls failed")


def _saturated(raw: RawLoad) -> Iterator[Finding]:
    cores = generator_cores(raw)
    if cores > CORES_MAX:
        why = f"the generator kept {cores:.2f} of its one core busy: the latencies are its own"
        yield Finding(Status.DEGRADED, why)


LOAD_RULES: Final[tuple[Callable[[RawLoad], Iterator[Finding]], ...]] = (
    _no_calls,
    _failures,
    _saturated,
)
"""Each looks at what was measured; a new rule is a function and a line here."""
