"""The layers part of ``results.json``: where the CPU of the processes goes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LayerCpu:
    """One layer of a process: CPU seconds over all phases, and in the fill."""

    name: str
    cpu_s: float = 0.0
    cpu_fill_s: float | None = None
    operation: str = ""
    operations: int = 0


@dataclass(frozen=True, slots=True)
class ProcessLayers:
    """A process: its layers, and the rest that is none of them (it may be below zero)."""

    cpu_s: float = 0.0
    cpu_fill_s: float | None = None
    layers: list[LayerCpu] = field(default_factory=list)
    rest_s: float = 0.0
    rest_fill_s: float | None = None
    kernel_s: float = 0.0
    own_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Encodes:
    """How often objects are encoded."""

    versions: int = 0
    for_store: int = 0
    stamped: int = 0
    fresh: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attribution:
    """``measurements.layers``."""

    processes: dict[str, ProcessLayers] = field(default_factory=dict)
    pods: int = 0
    encodes: Encodes | None = None
