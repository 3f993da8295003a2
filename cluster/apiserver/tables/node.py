"""How nodes are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from cluster.apiserver.tables.interface import AGE, NAME, NONE, UNKNOWN, Cell, Column, age, joined
from serialization.api.core.v1_pb2 import Node

ROLE_PREFIX: Final = "node-role.kubernetes.io/"
ROLE_LABEL: Final = "kubernetes.io/role"


class NodePrinter:
    """Name, condition, roles, age, version; wide: addresses and what runs on it."""

    columns = (
        NAME,
        Column("Status"),
        Column("Roles"),
        AGE,
        Column("Version"),
        Column("Internal-IP", priority=1),
        Column("External-IP", priority=1),
        Column("OS-Image", priority=1),
        Column("Kernel-Version", priority=1),
        Column("Container-Runtime", priority=1),
    )

    def cells(self, obj: Node, now: datetime) -> list[Cell]:
        facts = obj.status.nodeInfo
        kernel = facts.kernelVersion
        if kernel and facts.architecture:
            kernel = f"{kernel} ({facts.architecture})"
        return [
            obj.metadata.name,
            _condition(obj),
            _roles(obj),
            age(obj.metadata.creationTimestamp, now),
            facts.kubeletVersion,
            _address(obj, "InternalIP"),
            _address(obj, "ExternalIP"),
            facts.osImage or UNKNOWN,
            kernel or UNKNOWN,
            facts.containerRuntimeVersion or UNKNOWN,
        ]


def _condition(node: Node) -> str:
    words = [
        "Ready" if each.status == "True" else "NotReady"
        for each in node.status.conditions
        if each.type == "Ready"
    ] or ["Unknown"]
    if node.spec.unschedulable:
        words.append("SchedulingDisabled")
    return joined(words)


def _roles(node: Node) -> str:
    labels = node.metadata.labels
    roles = {key.removeprefix(ROLE_PREFIX) for key in labels if key.startswith(ROLE_PREFIX)}
    if labels.get(ROLE_LABEL):
        roles.add(labels[ROLE_LABEL])
    return joined(sorted(roles)) or NONE


def _address(node: Node, kind: str) -> str:
    return next((each.address for each in node.status.addresses if each.type == kind), NONE)
