"""How replica sets are shown."""

from __future__ import annotations

from datetime import datetime

from cluster.apiserver.tables.interface import NONE, Cell
from cluster.apiserver.tables.replicas import COLUMNS, replica_cells
from serialization.api.apps.v1_pb2 import ReplicaSet
from serialization.api.meta.v1_pb2 import LabelSelector
from serialization.selectors import SelectorError, of_message


class ReplicaSetPrinter:
    """Name, counts, age; wide: the containers and the selector."""

    columns = COLUMNS

    def cells(self, obj: ReplicaSet, now: datetime) -> list[Cell]:
        return [*replica_cells(obj, now), _selector(obj.spec.selector)]


def _selector(selector: LabelSelector) -> str:
    try:
        return str(of_message(selector)) or NONE
    except SelectorError:  # what stands in a store need not have been validated by this server
        return "<error>"
