"""What the node lifecycle needs to know of a node, read once per version; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from serialization.api.core.v1_pb2 import Node, Taint

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"
READY: Final = "Ready"

JUDGED: Final = (READY, "MemoryPressure", "DiskPressure", "PIDPressure")
"""The conditions that become Unknown when a node is not heard of."""

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
NO_SCHEDULE: Final = "NoSchedule"
NO_EXECUTE: Final = "NoExecute"

_PRESSURES: Final = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"

MANAGED: Final = frozenset(
    [(key, NO_SCHEDULE) for key in (NOT_READY, UNREACHABLE, UNSCHEDULABLE, *_PRESSURES.values())]
    + [(NOT_READY, NO_EXECUTE), (UNREACHABLE, NO_EXECUTE)]
)
"""The taints that this controller puts on and takes off; all others are left alone."""

REGION_LABELS: Final = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
ZONE_LABELS: Final = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")

TaintKey = tuple[str, str]
"""A taint's key and its effect."""


class NodeFacts(NamedTuple):
    """One version of a node."""

    uid: str
    beat: tuple[int, int]
    """Time of the Ready condition's last heartbeat, as the node's own clock had it."""
    ready: str
    """The status of Ready; empty when the node has never reported."""
    conditions: tuple[tuple[str, str], ...]
    """Type and status of each."""
    unschedulable: bool
    taints: tuple[TaintKey, ...]
    """Those of ``MANAGED``, sorted."""
    zone: str

    def status_of(self, condition: str) -> str:
        """Return a condition's status; empty when it has none."""
        return next((status for name, status in self.conditions if name == condition), "")


def facts_of(node: Node) -> NodeFacts:
    """Read a node."""
    beat, ready = (0, 0), ""
    conditions = []
    for each in node.status.conditions:
        kind = each.type
        status = each.status
        conditions.append((kind, status))
        if kind == READY:
            ready = status
            time = each.lastHeartbeatTime
            beat = (time.seconds, time.nanos)
    taints = node.spec.taints
    return NodeFacts(
        node.metadata.uid,
        beat,
        ready,
        tuple(conditions),
        node.spec.unschedulable,
        managed_taints(taints) if taints else (),
        _zone_of(node),
    )


def managed_taints(taints: Iterable[Taint]) -> tuple[TaintKey, ...]:
    """Return which of these taints are this controller's, sorted."""
    return tuple(sorted({(each.key, each.effect) for each in taints} & MANAGED))


def scheduling_taints(facts: NodeFacts, ready: str) -> list[TaintKey]:
    """Return the NoSchedule taints that a node's conditions ask for."""
    wanted = [
        (taint, NO_SCHEDULE)
        for condition, taint in _PRESSURES.items()
        if facts.status_of(condition) == TRUE
    ]
    if key := absence_taint(ready):
        wanted.append((key, NO_SCHEDULE))
    if facts.unschedulable:
        wanted.append((UNSCHEDULABLE, NO_SCHEDULE))
    return wanted


def absence_taint(ready: str) -> str:
    """Return the key of the taint that the status of Ready asks for; empty for a ready node.

    A node that has never reported gets none: it has no condition that would say so.
    """
    return {FALSE: NOT_READY, UNKNOWN: UNREACHABLE}.get(ready, "")


def _zone_of(node: Node) -> str:
    labels = node.metadata.labels
    if not labels:
        return ""
    region = next((labels[name] for name in REGION_LABELS if name in labels), "")
    zone = next((labels[name] for name in ZONE_LABELS if name in labels), "")
    return f"{region}:{zone}" if region or zone else ""
