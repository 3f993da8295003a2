"""Balanced allocation: CPU and memory should be taken in like proportion."""

from __future__ import annotations

from cluster.scheduler.plugins import MAX_SCORE
from cluster.scheduler.state import Needs, NodeState


class Balanced:
    """``MAX_SCORE`` less the difference of the fractions taken; 0 where one is all taken."""

    def score(self, needs: Needs, node: NodeState) -> int:
        facts = node.facts
        cpu = node.scored_cpu_milli + needs.scored_cpu_milli
        memory = node.scored_memory_bytes + needs.scored_memory_bytes
        if cpu >= facts.cpu_milli or memory >= facts.memory_bytes:
            return 0
        # In whole numbers: |cpu/CPU - memory/MEMORY| of MAX_SCORE, rounded down at the end.
        difference = abs(cpu * facts.memory_bytes - memory * facts.cpu_milli)
        return MAX_SCORE - difference * MAX_SCORE // (facts.cpu_milli * facts.memory_bytes)
