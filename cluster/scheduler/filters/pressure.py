"""Keeps pods off nodes that run short: memory for pods that ask for nothing, disk for all."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.state import Needs, NodeState

MEMORY: Final = "node(s) had memory pressure"
DISK: Final = "node(s) had disk pressure"
PROCESSES: Final = "node(s) had pid pressure"


class Pressure:
    """The conditions MemoryPressure (best-effort pods only), DiskPressure and PIDPressure."""

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        pressures = node.facts.pressures
        if not pressures:
            return ()
        if "MemoryPressure" in pressures and needs.rest.best_effort:
            return (MEMORY,)
        if "DiskPressure" in pressures:
            return (DISK,)
        return (PROCESSES,) if "PIDPressure" in pressures else ()
