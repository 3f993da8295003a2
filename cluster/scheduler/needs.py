"""Reads pods and nodes into the scheduler's own terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from cluster.scheduler.state import Needs, NodeFacts
from serialization import quantity
from serialization.api.core.v1_pb2 import Container, Node, Pod
from serialization.api.resource_pb2 import Quantity

SCORED_CPU_MILLI: Final = 100
SCORED_MEMORY_BYTES: Final = 200 * 1024 * 1024
"""What scoring assumes for a container that asks for nothing, so that such pods spread too."""

REMEMBERED_MAX: Final = 4096
"""Quantities and needs that are remembered; beyond it all is forgotten and read again."""


class FactsReader:
    """Turns messages into ``Needs`` and ``NodeFacts``; remembers the quantities it has read."""

    def __init__(self) -> None:
        self._milli: dict[str, int] = {}
        self._whole: dict[str, int] = {}
        self._needs: dict[Needs, Needs] = {}

    def needs(self, pod: Pod) -> Needs:
        """Return what a pod asks for; equal needs are one object.

        Sum over the containers, or the greatest init container where that is more, plus overhead.
        """
        spec = pod.spec
        cpu = memory = scored_cpu = scored_memory = 0
        for container in spec.containers:
            asked_cpu, asked_memory = self._requests(container)
            cpu += asked_cpu
            memory += asked_memory
            scored_cpu += asked_cpu or SCORED_CPU_MILLI
            scored_memory += asked_memory or SCORED_MEMORY_BYTES
        for container in spec.initContainers:
            asked_cpu, asked_memory = self._requests(container)
            cpu, memory = max(cpu, asked_cpu), max(memory, asked_memory)
            scored_cpu = max(scored_cpu, asked_cpu)
            scored_memory = max(scored_memory, asked_memory)
        more_cpu = self._amount(spec.overhead, "cpu", quantity.milli_value, self._milli)
        more_memory = self._amount(spec.overhead, "memory", quantity.value, self._whole)
        needs = Needs(
            cpu + more_cpu,
            memory + more_memory,
            scored_cpu + more_cpu,
            scored_memory + more_memory,
            tuple(sorted(spec.nodeSelector.items())),
        )
        if len(self._needs) >= REMEMBERED_MAX:
            self._needs.clear()
        return self._needs.setdefault(needs, needs)

    def node(self, node: Node) -> NodeFacts:
        """Return what the scheduler reads of a node. One without a Ready condition is ready."""
        status = node.status
        have = status.allocatable or status.capacity
        return NodeFacts(
            name=node.metadata.name,
            cpu_milli=self._amount(have, "cpu", quantity.milli_value, self._milli),
            memory_bytes=self._amount(have, "memory", quantity.value, self._whole),
            pods=self._amount(have, "pods", quantity.value, self._whole),
            labels=dict(node.metadata.labels),
            ready=all(c.status == "True" for c in status.conditions if c.type == "Ready"),
            unschedulable=node.spec.unschedulable,
        )

    def _requests(self, container: Container) -> tuple[int, int]:
        requests = container.resources.requests
        return (
            self._amount(requests, "cpu", quantity.milli_value, self._milli),
            self._amount(requests, "memory", quantity.value, self._whole),
        )

    def _amount(
        self,
        amounts: Mapping[str, Quantity],
        name: str,
        read: Callable[[str], int],
        remembered: dict[str, int],
    ) -> int:
        """Read one entry of a resource list; an absent one, and one that is malformed, is 0."""
        if name not in amounts:
            return 0
        text = amounts[name].string
        known = remembered.get(text)
        if known is None:
            if len(remembered) >= REMEMBERED_MAX:
                remembered.clear()
            try:
                known = read(text)
            except quantity.QuantityError:
                known = 0  # a real API server refuses such an object; nothing to decide on
            remembered[text] = known
        return known
