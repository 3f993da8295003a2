"""The service levels of Kubernetes (sig-scalability), and whether a run meets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bench.latency import ApiLatency
from bench.results import Measurements, ServiceLevel

POD_STARTUP_P99_MS: Final = 5_000.0
CALL_P99_MS: Final = 1_000.0
CLUSTER_LIST_P99_MS: Final = 30_000.0
MUTATING: Final = ("create", "update", "patch", "delete")


def service_levels(measured: Measurements) -> dict[str, ServiceLevel]:
    """Return the levels; one without a measurement is not among them.

    Each sort of call must meet its level, so the worst sort's p99 is shown: as the API server
    measured it (all clients; resolution of its buckets) where it did, else as the client did.
    """
    rows = measured.api_latency
    server = [row for row in rows if row.source == "apiserver"] or rows
    found = {
        "pod_startup_p99": (POD_STARTUP_P99_MS, measured.pod_startup.pod_startup.p99_ms),
        "mutating_p99": (CALL_P99_MS, _worst(r for r in server if r.verb in MUTATING)),
        "resource_read_p99": (CALL_P99_MS, _worst(r for r in server if r.verb == "get")),
        "cluster_list_p99": (CLUSTER_LIST_P99_MS, _worst(r for r in server if r.verb == "list")),
    }
    return {
        name: ServiceLevel(target=target, measured=value, met=value <= target)
        for name, (target, value) in found.items()
        if value is not None
    }


def _worst(rows: Iterable[ApiLatency]) -> float | None:
    return max((row.p99_ms for row in rows if row.p99_ms is not None), default=None)
