"""A distribution of latencies, as results files tell it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of latencies in milliseconds."""

    count: int = 0
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class ApiLatency:
    """Latencies of one sort of call. ``source``: at which end they were taken."""

    verb: str
    resource: str
    subresource: str = ""
    scope: str = ""
    source: str = ""
    count: int = 0
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
