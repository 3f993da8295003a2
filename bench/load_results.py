"""The part ``measurements.load`` of the results: what the load was, and what it was made on.

It says what a reader must know before believing a latency: whether what was due was sent, and when;
who used the machine; for how long a process, or the API server, stood still.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from bench.latency import Latency

HEARTBEATS: Final = "heartbeats"


@dataclass(frozen=True, slots=True)
class Sent:
    """What one source sent on a schedule in one phase."""

    phase: str
    """``fill``, ``steady``, ...; ``run``: from the first phase to the end of the last."""
    what: str
    """``create pods``, ``heartbeats``, ..."""
    intended: int
    """How many were due."""
    sent: int
    intended_per_s: float | None
    """Null where a single one was due: that is no rate."""
    achieved_per_s: float | None
    """What was sent, over the time from the first that was due to the last that was sent."""
    late: Latency = field(default_factory=Latency)
    """How much later than due they were sent."""
    answered: Latency = field(default_factory=Latency)
    """From due to answered: waiting behind a slow server counts (no coordinated omission)."""

    @property
    def achieved_share(self) -> float | None:
        """Return the part of the intended rate that was achieved."""
        if not self.intended_per_s or self.achieved_per_s is None:
            return None
        return self.achieved_per_s / self.intended_per_s


@dataclass(frozen=True, slots=True)
class MachineUse:
    """The machine over one phase; the cores of the parts add up to ``busy_cores``."""

    seconds: float
    cores: int
    busy_cores: float
    """How many cores were at work, on average (/proc/stat: user, nice, system, interrupts)."""
    stolen_share: float
    """Of all cores' time: what the hypervisor gave to others."""
    plane_cores: float
    """API server, controllers and scheduler: what is measured."""
    generator_cores: float
    """Hollow nodes, measuring process and the command that draws progress: what makes the load."""
    others_cores: float
    """All other processes of the machine, and the kernel's own work outside of any process."""

    @property
    def others_share(self) -> float:
        """Return the part of all cores' time that other processes used."""
        return self.others_cores / self.cores if self.cores else 0.0


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a process fared since it was ready; what is said of phases leaves audits out."""

    pauses: int
    """Runs of the cyclic collector."""
    pause_max_ms: float | None
    """The longest within a phase."""
    pause_share: float | None
    """All pauses, over the time that they were counted."""
    lag_p50_ms: float | None
    """How much later than asked the event loop woke a timer."""
    lag_p99_ms: float | None
    lag_max_ms: float | None
    frozen_max_ms: float | None = None
    """The longest lag within a phase."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which nothing came although something was due."""

    phase: str
    what: str
    """``answer``: the API server answered nothing; ``progress``: no event came on the watch."""
    begin_s: float
    """Since the run's origin."""
    lasted_s: float
    """Times in which the measuring process itself stood still are left out."""
    fault: str = ""
    """The fault that was planted then, as ``kill-leader of etcd-1``; empty: there was none."""


@dataclass(frozen=True, slots=True)
class Load:
    """``measurements.load``."""

    sent: list[Sent] = field(default_factory=list)
    machine: dict[str, MachineUse] = field(default_factory=dict)
    """By phase; empty where the machine does not tell."""
    vitals: dict[str, Vitals] = field(default_factory=dict)
    """By process."""
    stalls: list[Stall] = field(default_factory=list)
    """Of a quarter of a second and more, longest first."""
    answer: Latency = field(default_factory=Latency)
    """Of /livez, asked five times a second on a connection of its own, whatever else goes on."""
