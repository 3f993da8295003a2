"""The shapes of latencies in the results."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of latencies; null where ``count`` is 0. A p99 of few samples is a maximum."""

    count: int = 0
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class ApiLatency:
    """Latencies of one sort of call, from when it was due to when its answer was read."""

    verb: str
    """create, get, list, update, delete."""
    resource: str
    subresource: str
    scope: str
    """resource, namespace or cluster."""
    source: str
    """``client``: exact, at the measuring process; ``apiserver``: from its /metrics, all clients,
    interpolated within its buckets (max is null)."""
    count: int
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    max_ms: float | None
