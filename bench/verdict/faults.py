"""The rule on planted faults: each that was asked for has happened, and was got over."""

from __future__ import annotations

from collections.abc import Iterator

from bench.results import Status
from bench.verdict.observations import Finding, Observations


def fault_missing(seen: Observations) -> Iterator[Finding]:
    """Tell of faults that were not planted, or whose member did not come back."""
    if not seen.completed:
        return
    missing = seen.etcd_faults_asked - len(seen.etcd_faults)
    if missing > 0:
        yield Finding(
            Status.DEGRADED,
            f"{missing} of {seen.etcd_faults_asked} faults in etcd were not planted: the fill was "
            "over before, or no member led",
        )
    for fault in seen.etcd_faults:
        what = f"{fault.kind} of {fault.member}"
        if fault.failure:
            yield Finding(Status.DEGRADED, f"{what} went otherwise than planned: {fault.failure}")
        elif fault.healthy_s is None:
            yield Finding(Status.DEGRADED, f"{what} was not over when the run ended")
