"""``locust.json`` as the report reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reports.model import Environment, Verdict
from reports.reading import read_versioned

LOCUST_FILE: Final = "locust.json"


@dataclass(frozen=True, slots=True)
class LoadCall:
    """One sort of call; null latencies where none succeeded."""

    user: str
    name: str
    method: str
    count: int
    failures: int
    per_s: float
    errors: dict[str, int] = field(default_factory=dict)
    received_bytes: int = 0
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class LocustRun:
    """One run of locust."""

    run_id: str
    started: str
    duration_s: float
    environment: Environment
    verdict: Verdict
    server: str
    codec: str
    users: dict[str, int]
    calls: list[LoadCall]
    calls_per_s: float
    failure_share: float
    watch_events: int
    watches_torn: int
    pods_run: int
    generator_cores: float
    generator_cpu_s: float
    generator_rss_max_mib: float

    @classmethod
    def read(cls, directory: Path) -> LocustRun:
        """Read a results directory. Raises ReportError."""
        return read_versioned(directory / LOCUST_FILE, cls)
