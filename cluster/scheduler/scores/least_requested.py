"""Least requested: the emptier a node would be with the pod on it, the better."""

from __future__ import annotations

from cluster.scheduler.plugins import MAX_SCORE
from cluster.scheduler.state import Needs, NodeState


class LeastRequested:
    """Mean over CPU and memory of (allocatable - asked) / allocatable, in whole points.

    Uses the scored needs, where a container that asks for nothing counts as 100m and 200 MiB.
    """

    def score(self, needs: Needs, node: NodeState) -> int:
        facts = node.facts
        cpu_free = facts.cpu_milli - node.scored_cpu_milli - needs.scored_cpu_milli
        memory_free = facts.memory_bytes - node.scored_memory_bytes - needs.scored_memory_bytes
        cpu = cpu_free * MAX_SCORE // facts.cpu_milli if cpu_free > 0 else 0
        memory = memory_free * MAX_SCORE // facts.memory_bytes if memory_free > 0 else 0
        return (cpu + memory) // 2
