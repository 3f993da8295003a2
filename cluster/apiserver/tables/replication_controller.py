"""How replication controllers are shown."""

from __future__ import annotations

from datetime import datetime

from cluster.apiserver.tables.interface import Cell, selector_text
from cluster.apiserver.tables.replicas import COLUMNS, replica_cells
from serialization.api.core.v1_pb2 import ReplicationController


class ReplicationControllerPrinter:
    """Name, counts, age; wide: the containers and the selector."""

    columns = COLUMNS

    def cells(self, obj: ReplicationController, now: datetime) -> list[Cell]:
        return [*replica_cells(obj, now), selector_text(obj.spec.selector)]
