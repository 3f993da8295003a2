"""Reads pods and nodes into the scheduler's own terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from cluster.scheduler import constraint_reader
from cluster.scheduler.constraints import Constraints
from cluster.scheduler.state import Needs, NodeFacts
from cluster.scheduler.volumes import NO_VOLUMES, NoVolumes, Volumes
from serialization import quantity
from serialization.api.core.v1_pb2 import Container, Node, Pod, PodSpec
from serialization.api.resource_pb2 import Quantity

SCORED_CPU_MILLI: Final = 100
SCORED_MEMORY_BYTES: Final = 200 * 1024 * 1024
"""What scoring assumes for a container that asks for nothing, so that such pods spread too."""

REMEMBERED_MAX: Final = 4096
"""Quantities and needs that are remembered; beyond it all is forgotten and read again."""

SPECS_MAX: Final = 512
"""Specs whose needs are remembered, by their bytes: 1 to 2 KB each."""

ROOM: Final = ("cpu", "memory", "pods")
"""The resources that every decision looks at."""


class FactsReader:
    """Turns messages into ``Needs`` and ``NodeFacts``; remembers the quantities it has read."""

    def __init__(self, volumes: Volumes | None = None) -> None:
        self._volumes: Volumes = NoVolumes() if volumes is None else volumes
        self._milli: dict[str, int] = {}
        self._whole: dict[str, int] = {}
        self._needs: dict[Needs, Needs] = {}
        self._constraints: dict[tuple[object, ...], Constraints] = {}
        self._by_spec: dict[bytes, Needs] = {}
        """Of specs that say all: without claims, and without a node, which each pod has its own."""

    def needs(self, pod: Pod) -> Needs:
        """Return what a pod asks for; equal needs are one object (hot: once a decision).

        Pods of one template have one spec until they are bound, so it is read once.
        """
        spec = pod.spec
        if spec.nodeName:
            return self._read(pod)
        text = spec.SerializeToString()
        needs = self._by_spec.get(text)
        if needs is None:
            needs = self._read(pod)
            if not any(
                each.volumeSource.HasField("persistentVolumeClaim") for each in spec.volumes
            ):
                if len(self._by_spec) >= SPECS_MAX:
                    self._by_spec.clear()
                self._by_spec[text] = needs
        return needs

    def _read(self, pod: Pod) -> Needs:
        """Sum over the containers, or take the greatest init container; add the overhead."""
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
            self._rest(pod.metadata.namespace, spec),
        )
        if len(self._needs) >= REMEMBERED_MAX:
            self._needs.clear()
        return self._needs.setdefault(needs, needs)

    def _rest(self, namespace: str, spec: PodSpec) -> Constraints:
        """Return what a pod asks for beside room; equal ones are one object."""
        volumes = self._volumes.needs(namespace, spec) if spec.volumes else NO_VOLUMES
        own_disks = constraint_reader.disks(spec) if spec.volumes else ()
        affine = spec.HasField("affinity")
        # In the order of Constraints' fields: a tuple is looked up faster than the object.
        key = (
            constraint_reader.tolerations(spec),
            constraint_reader.required(spec) if affine else None,
            constraint_reader.preferred(spec) if affine else (),
            constraint_reader.host_ports(spec),
            own_disks + volumes.disks,
            volumes.zones,
            volumes.terms,
            self._other_requests(spec),
            _is_best_effort(spec),
            volumes.trouble,
        )
        rest = self._constraints.get(key)
        if rest is None:
            if len(self._constraints) >= REMEMBERED_MAX:
                self._constraints.clear()
            rest = self._constraints[key] = Constraints(*key)
        return rest

    def _other_requests(self, spec: PodSpec) -> tuple[tuple[str, int], ...]:
        """Return what is asked for beside CPU and memory; the greatest init container counts."""
        total: dict[str, int] = {}
        for container in spec.containers:
            for name, amount in self._others(container.resources.requests):
                total[name] = total.get(name, 0) + amount
        for container in spec.initContainers:
            for name, amount in self._others(container.resources.requests):
                total[name] = max(total.get(name, 0), amount)
        return tuple(sorted(total.items()))

    def _others(self, amounts: Mapping[str, Quantity]) -> list[tuple[str, int]]:
        if len(amounts) <= len(ROOM) and all(name in ROOM for name in amounts):
            return []  # the usual case, at little cost
        names = sorted(name for name in amounts if name not in ROOM)
        return [(name, self._amount(amounts, name, quantity.value, self._whole)) for name in names]

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
            taints=constraint_reader.taints(node),
            pressures=constraint_reader.pressures(node),
            zone=constraint_reader.zone(node),
            resources=tuple(self._others(have)),
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


def _is_best_effort(spec: PodSpec) -> bool:
    """Tell whether no container asks for CPU or memory, or has a limit on them (QoS BestEffort)."""
    return not any(
        each.resources.requests or each.resources.limits
        for containers in (spec.containers, spec.initContainers)
        for each in containers
    )
