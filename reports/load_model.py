"""The load part of ``results.json``: what was sent when it was due, and on what a machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from reports.latency import Latency


@dataclass(frozen=True, slots=True)
class Sent:
    """What one source sent on a schedule in one phase."""

    phase: str
    what: str
    intended: int = 0
    sent: int = 0
    intended_per_s: float | None = None
    achieved_per_s: float | None = None
    late: Latency = field(default_factory=Latency)
    answered: Latency = field(default_factory=Latency)


@dataclass(frozen=True, slots=True)
class MachineUse:
    """The machine over one phase, in cores."""

    seconds: float
    cores: int = 0
    busy_cores: float = 0.0
    stolen_share: float = 0.0
    plane_cores: float = 0.0
    generator_cores: float = 0.0
    others_cores: float = 0.0


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a process fared."""

    pauses: int = 0
    pause_max_ms: float | None = None
    pause_share: float | None = None
    lag_p50_ms: float | None = None
    lag_p99_ms: float | None = None
    lag_max_ms: float | None = None
    frozen_max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which nothing came although something was due."""

    phase: str
    what: str
    begin_s: float
    lasted_s: float
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """``measurements.load``."""

    sent: list[Sent] = field(default_factory=list)
    machine: dict[str, MachineUse] = field(default_factory=dict)
    vitals: dict[str, Vitals] = field(default_factory=dict)
    stalls: list[Stall] = field(default_factory=list)
    answer: Latency = field(default_factory=Latency)
