"""The part ``measurements.layers`` of the results: where the CPU of the processes goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

BELOW_ZERO_MAX: Final = 0.05
"""How much of a process its layers may exceed it by: readings are not all of one moment."""


@dataclass(frozen=True, slots=True)
class LayerCpu:
    """One layer of a process, over all phases and in the fill; audits are in neither."""

    name: str
    cpu_s: float
    cpu_fill_s: float | None
    """Null where the fill was not played to its end."""
    operation: str = ""
    """What it is counted by: ``request``, ``version``, ...; empty: by nothing."""
    operations: int = 0
    """How many of those there were, over all phases."""


@dataclass(frozen=True, slots=True)
class ProcessLayers:
    """A process: its layers, and what is none of them."""

    cpu_s: float
    """As the process itself counts it, all its threads, user and system."""
    cpu_fill_s: float | None
    layers: list[LayerCpu]
    rest_s: float
    """``cpu_s`` less all layers: the loop, its tasks, receiving and polling. Layers share out
    what the process used, so below zero it is a defect of the measurement: it is told as it is."""
    rest_fill_s: float | None
    kernel_s: float
    """The part of ``cpu_s`` that the main thread spent in the kernel, whatever the layer."""
    own_share: float
    """What the attribution itself costs, of ``cpu_s``: its handler, by its own clock."""

    @property
    def unreliable(self) -> bool:
        """Whether the layers come to more than the process, beyond what readings may differ."""
        return self.rest_s < -BELOW_ZERO_MAX * self.cpu_s


@dataclass(frozen=True, slots=True)
class Encodes:
    """How often objects are encoded, over all phases."""

    versions: int
    """Object versions that the store took, deletions among them."""
    for_store: int
    """Encodings in the storage codec by writers, of failed writes, too."""
    stamped: int
    """Bytes made by writing the revision into stored ones."""
    fresh: dict[str, int] = field(default_factory=dict)
    """Encodings from messages for answers, lists and watches, by codec."""
    kept: dict[str, int] = field(default_factory=dict)
    """How often bytes were there already, by codec."""

    @property
    def per_version(self) -> float | None:
        """Return how often an object version is encoded: for the store, and for readers."""
        if not self.versions:
            return None
        return (self.for_store + sum(self.fresh.values())) / self.versions


@dataclass(frozen=True, slots=True)
class Attribution:
    """``measurements.layers``; without processes where attribution was off."""

    processes: dict[str, ProcessLayers] = field(default_factory=dict)
    pods: int = 0
    """Of the fill: what the CPU of the fill is divided by."""
    encodes: Encodes | None = None
