"""Reads what pods and nodes say beyond room into the scheduler's own terms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cluster.scheduler.constraints import (
    ANY_IP,
    Disk,
    HostPort,
    Preference,
    Requirement,
    Taint,
    Term,
    Toleration,
)
from serialization.api.core.v1_pb2 import (
    Node,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PersistentVolumeSource,
    PodSpec,
    VolumeSource,
)

PRESSURES: Final = ("MemoryPressure", "DiskPressure", "PIDPressure")

ZONE_LABELS: Final = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
REGION_LABELS: Final = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
"""Today's name, and that of 1.3 until 1.17."""


def taints(node: Node) -> tuple[Taint, ...]:
    """Return a node's taints."""
    return tuple(Taint(each.key, each.value, each.effect) for each in node.spec.taints)


def pressures(node: Node) -> tuple[str, ...]:
    """Return which pressures a node reports."""
    conditions = node.status.conditions
    return tuple(c.type for c in conditions if c.status == "True" and c.type in PRESSURES)


def zone(node: Node) -> str:
    """Return a node's region and zone as one text, empty where it names neither."""
    labels = node.metadata.labels
    region = next((labels[key] for key in REGION_LABELS if key in labels), "")
    found = next((labels[key] for key in ZONE_LABELS if key in labels), "")
    return f"{region}/{found}" if region or found else ""


def tolerations(spec: PodSpec) -> tuple[Toleration, ...]:
    """Return a pod's tolerations."""
    return tuple(Toleration(t.key, t.operator, t.value, t.effect) for t in spec.tolerations)


def required(spec: PodSpec) -> tuple[Term, ...] | None:
    """Return the node affinity that must be met, or None."""
    if not spec.HasField("affinity") or not spec.affinity.HasField("nodeAffinity"):
        return None
    affinity = spec.affinity.nodeAffinity
    if not affinity.HasField("requiredDuringSchedulingIgnoredDuringExecution"):
        return None
    terms = affinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms
    return tuple(term(each) for each in terms)


def preferred(spec: PodSpec) -> tuple[Preference, ...]:
    """Return the node affinity that is nice to have."""
    if not spec.HasField("affinity") or not spec.affinity.HasField("nodeAffinity"):
        return ()
    wishes = spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution
    return tuple(Preference(each.weight, term(each.preference)) for each in wishes)


def term(message: NodeSelectorTerm) -> Term:
    """Return one term of a node selector."""
    return Term(
        tuple(_requirement(each) for each in message.matchExpressions),
        tuple(_requirement(each) for each in message.matchFields),
    )


def _requirement(message: NodeSelectorRequirement) -> Requirement:
    return Requirement(message.key, message.operator, tuple(message.values))


def host_ports(spec: PodSpec) -> tuple[HostPort, ...]:
    """Return the ports that a pod takes on its node."""
    return tuple(
        HostPort(port.hostIP or ANY_IP, port.protocol or "TCP", port.hostPort)
        for container in spec.containers
        for port in container.ports
        if port.hostPort
    )


def disks(spec: PodSpec) -> tuple[Disk, ...]:
    """Return the network disks that a pod mounts by name."""
    return tuple(disk for volume in spec.volumes for disk in disks_of(volume.volumeSource))


def disks_of(source: VolumeSource | PersistentVolumeSource) -> Iterator[Disk]:
    """Yield the network disks of one source."""
    if source.HasField("gcePersistentDisk"):
        yield Disk("gce", source.gcePersistentDisk.pdName, source.gcePersistentDisk.readOnly)
    if source.HasField("awsElasticBlockStore"):
        ebs = source.awsElasticBlockStore
        yield Disk("ebs", ebs.volumeID, ebs.readOnly)
    if source.HasField("rbd"):
        rbd = source.rbd
        for monitor in rbd.monitors:
            yield Disk("rbd", f"{monitor}/{rbd.pool}/{rbd.image}", rbd.readOnly)
    if source.HasField("iscsi"):
        yield Disk("iscsi", f"{source.iscsi.iqn}/{source.iscsi.lun}", source.iscsi.readOnly)
