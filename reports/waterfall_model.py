"""The waterfall part of ``results.json``: where the time of pods' starts goes."""

from __future__ import annotations

from dataclasses import dataclass, field

from reports.latency import Latency


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the way of pods."""

    name: str
    mean_ms: float = 0.0
    latency: Latency = field(default_factory=Latency)


@dataclass(frozen=True, slots=True)
class PodWay:
    """One pod, as it was; ``rank`` is its place among its phase's pods, 0.5 the median."""

    rank: float
    namespace: str = ""
    name: str = ""
    node: str = ""
    begin_s: float = 0.0
    stages_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WaterfallPhase:
    """The pods whose create was sent in one phase."""

    phase: str
    pods: int = 0
    stages: list[Stage] = field(default_factory=list)
    total: Latency = field(default_factory=Latency)
    total_mean_ms: float = 0.0
    samples: list[PodWay] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """``measurements.waterfall``."""

    phases: list[WaterfallPhase] = field(default_factory=list)
    incomplete: int = 0
