"""The part ``measurements.waterfall`` of the results: where the time of a pod's start goes."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.latency import Latency


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the way of pods; a pod's stages add up to its total, to the nanosecond."""

    name: str
    """Of ``bench.pod_ways.STAGES``: ``write``, ``schedule``, ..."""
    mean_ms: float
    """Means add up, too; percentiles do not."""
    latency: Latency


@dataclass(frozen=True, slots=True)
class PodWay:
    """One pod, as it was."""

    rank: float
    """Its place among the pods of its phase by the length of its way: 0.5 is the median one."""
    namespace: str
    name: str
    node: str
    begin_s: float
    """Its create was sent so long after the run's origin."""
    stages_ms: list[float]
    """In the order of the phase's stages."""


@dataclass(frozen=True, slots=True)
class WaterfallPhase:
    """The pods whose create was sent in one phase."""

    phase: str
    pods: int
    stages: list[Stage]
    total: Latency
    total_mean_ms: float
    samples: list[PodWay]
    """Some pods of all ranks, shortest way first."""


@dataclass(frozen=True, slots=True)
class Waterfall:
    """``measurements.waterfall``; without phases where no history was kept."""

    phases: list[WaterfallPhase] = field(default_factory=list)
    incomplete: int = 0
    """Pods whose create stands in a history, and of which a later step does not."""
