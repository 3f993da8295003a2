"""The steady phase as ``results.json`` tells it; what is missing is None or empty."""

from __future__ import annotations

from dataclasses import dataclass, field

from reports.latency import ApiLatency, Latency


@dataclass(frozen=True, slots=True)
class Aim:
    """A latency that was aimed at, beside the service level."""

    aim_ms: float
    level_ms: float
    measured_ms: float | None = None
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Compactions:
    """What the store forgot meanwhile."""

    asked_every_s: float = 0.0
    in_phase: int | None = None
    revision: int | None = None
    read_revision: int | None = None
    read_code: int | None = None
    declared: bool = True
    last_revision: int | None = None


@dataclass(frozen=True, slots=True)
class Steady:
    """``measurements.steady``."""

    seconds: float
    changes: dict[str, int] = field(default_factory=dict)
    changes_asked_per_s: float | None = None
    changes_per_s: float | None = None
    pod_startup: Latency = field(default_factory=Latency)
    single_object: Latency = field(default_factory=Latency)
    api_latency: list[ApiLatency] = field(default_factory=list)
    aims: dict[str, Aim] = field(default_factory=dict)
    compactions: Compactions | None = None
    writes_per_s: float | None = None
    cpu_cores: dict[str, float] = field(default_factory=dict)
