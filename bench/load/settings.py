"""What the load process is told, and what it writes: JSON files, so that no gevent code is shared.

A results directory of a locust run holds ``locust.json`` (``LocustResults``),
``samples/histograms.json`` (HDR histograms by call, mergeable), ``logs/`` and ``report.html``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from bench.results import Environment, Verdict

SCHEMA_VERSION: Final = 1
LOCUST_FILE: Final = "locust.json"
SETTINGS_FILE: Final = "load.json"
RAW_FILE: Final = "load-raw.json"


@dataclass(frozen=True, slots=True)
class Server:
    """Which API server, and how it knows us."""

    url: str
    token: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    insecure: bool = False
    """Its certificate is not checked."""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """One load run."""

    server: Server
    codec: str
    users: int
    spawn_rate: float
    """Users that start a second."""
    duration_s: float
    """0: until stopped."""
    kinds: dict[str, int]
    """Weights of the user classes, by name."""
    heartbeat_s: float
    seed: int
    directory: str
    web: str = ""
    """HOST:PORT of locust's web page; empty: headless."""


@dataclass(frozen=True, slots=True)
class CallStatistics:
    """One sort of call, as the users saw it."""

    user: str
    """The user class."""
    name: str
    """What it was for: ``heartbeat``, ``get pods``."""
    method: str
    count: int
    failures: int
    errors: dict[str, int]
    """By what was said, the most frequent ten."""
    received_bytes: int
    histogram: str
    """HDR, base64, in microseconds; of the calls that did not fail."""


@dataclass(frozen=True, slots=True)
class RawLoad:
    """What the load process measured of itself."""

    started_s: float
    """On the machine's monotonic clock."""
    ended_s: float
    users: dict[str, int]
    """How many of each class were at work at the end."""
    calls: list[CallStatistics]
    watch_events: int
    watches_torn: int
    pods_run: int
    """Pods that kubelet users reported running."""
    cpu_s: float
    rss_max_mib: float


@dataclass(frozen=True, slots=True)
class CallSummary:
    """One sort of call, summed up."""

    user: str
    name: str
    method: str
    count: int
    failures: int
    errors: dict[str, int]
    per_s: float
    received_bytes: int
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    max_ms: float | None


@dataclass(frozen=True, slots=True)
class LocustResults:
    """``locust.json``."""

    schema_version: int
    run_id: str
    started: str
    """ISO 8601, UTC."""
    duration_s: float
    environment: Environment
    verdict: Verdict
    server: str
    """Where the load went; ``own <cell>`` for a plane that was started for it."""
    codec: str
    users: dict[str, int]
    calls: list[CallSummary]
    calls_per_s: float
    failure_share: float
    watch_events: int
    watches_torn: int
    pods_run: int
    generator_cpu_s: float
    generator_cores: float
    """Of one core: near 1, the generator was the limit."""
    generator_rss_max_mib: float
    settings: dict[str, object] = field(default_factory=dict)
