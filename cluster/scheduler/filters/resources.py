"""Resources: what is asked for must be free, and the node must take another pod."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.state import Needs, NodeState

TOO_MANY_PODS: Final = "Too many pods"
CPU: Final = "Insufficient cpu"
MEMORY: Final = "Insufficient memory"


class Resources:
    """CPU, memory, the number of pods and whatever else, against ``status.allocatable``.

    A pod that asks for nothing of a resource fits even where more than all of it is taken.
    """

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        facts = node.facts
        short: list[str] = []
        if len(node.pods) >= facts.pods:
            short.append(TOO_MANY_PODS)
        if needs.cpu_milli and needs.cpu_milli > facts.cpu_milli - node.cpu_milli:
            short.append(CPU)
        if needs.memory_bytes and needs.memory_bytes > facts.memory_bytes - node.memory_bytes:
            short.append(MEMORY)
        if needs.rest.resources:
            short += _other_shortages(needs, node)
        return tuple(short)


def _other_shortages(needs: Needs, node: NodeState) -> list[str]:
    """Return what else is short; the node's pods are summed only for pods that ask for it."""
    allocatable = dict(node.facts.resources)
    taken: dict[str, int] = {}
    for pod in node.pods.values():
        for name, amount in pod.rest.resources:
            taken[name] = taken.get(name, 0) + amount
    return [
        f"Insufficient {name}"
        for name, amount in needs.rest.resources
        if amount and amount > allocatable.get(name, 0) - taken.get(name, 0)
    ]
