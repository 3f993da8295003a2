"""What replica sets and replication controllers show alike."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from cluster.apiserver.tables.interface import AGE, NAME, Cell, Column, age, joined
from serialization.api.apps.v1_pb2 import ReplicaSet
from serialization.api.core.v1_pb2 import ReplicationController

COLUMNS: Final = (
    NAME,
    Column("Desired", "integer"),
    Column("Current", "integer"),
    Column("Ready", "integer"),
    AGE,
    Column("Containers", priority=1),
    Column("Images", priority=1),
    Column("Selector", priority=1),
)


def replica_cells(obj: ReplicaSet | ReplicationController, now: datetime) -> list[Cell]:
    """Return the cells of all columns but the selector, whose form differs."""
    containers = obj.spec.template.spec.containers
    return [
        obj.metadata.name,
        obj.spec.replicas,
        obj.status.replicas,
        obj.status.readyReplicas,
        age(obj.metadata.creationTimestamp, now),
        joined(container.name for container in containers),
        joined(container.image for container in containers),
    ]
