"""How replication controllers are shown."""

from __future__ import annotations

from datetime import datetime

from cluster.apiserver.tables.interface import AGE, NAME, Cell, Column, age, joined, selector_text
from serialization.api.core.v1_pb2 import ReplicationController


class ReplicationControllerPrinter:
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

    def cells(self, obj: ReplicationController, now: datetime) -> list[Cell]:
        containers = obj.spec.template.spec.containers
        return [
            obj.metadata.name,
            obj.spec.replicas,
            obj.status.replicas,
            obj.status.readyReplicas,
            age(obj.metadata.creationTimestamp, now),
            joined(container.name for container in containers),
            joined(container.image for container in containers),
            selector_text(obj.spec.selector),
        ]
