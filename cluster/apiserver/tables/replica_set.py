"""How replica sets are shown."""

from __future__ import annotations

from datetime import datetime

from cluster.apiserver.tables.interface import AGE, NAME, NONE, Cell, Column, age, joined
from serialization.api.apps.v1_pb2 import ReplicaSet
from serialization.api.meta.v1_pb2 import LabelSelector
from serialization.selectors import SelectorError, of_message


class ReplicaSetPrinter:
    """Name, counts, age; wide: the containers and the selector."""

    columns = (
        NAME,
        Column("Desired", "integer"),
        Column("Current", "integer"),
        Column("Ready", "integer"),
        AGE,
        Column("Containers", priority=1),
        Column("Images", priority=1),
        Column("Selector", priority=1),
    )

    def cells(self, obj: ReplicaSet, now: datetime) -> list[Cell]:
        containers = obj.spec.template.spec.containers
        return [
            obj.metadata.name,
            obj.spec.replicas,
            obj.status.replicas,
            obj.status.readyReplicas,
            age(obj.metadata.creationTimestamp, now),
            joined(container.name for container in containers),
            joined(container.image for container in containers),
            _selector(obj.spec.selector),
        ]


def _selector(selector: LabelSelector) -> str:
    try:
        return str(of_message(selector)) or NONE
    except SelectorError:  # what stands in a store need not have been validated by this server
        return "<error>"
