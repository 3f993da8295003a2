"""The ReplicaSet controller: replica control by a label selector, with expressions."""

from __future__ import annotations

from typing import Final

from cluster.controllers.replica_control import ReplicaControl, ReplicaKind
from cluster.controllers.runner import Surroundings
from serialization.api.apps import v1_pb2 as apps
from serialization.kinds import REPLICA_SETS
from serialization.selectors import NOTHING, LabelSelector, SelectorError, of_message


def _selector(controller: apps.ReplicaSet) -> LabelSelector:
    """Return its selector; one that cannot be read picks nothing, as one that is absent."""
    if not controller.spec.HasField("selector"):
        return NOTHING
    try:
        return of_message(controller.spec.selector)
    except SelectorError:
        return NOTHING


def _tell_terminating(controller: apps.ReplicaSet, count: int) -> bool:
    status = controller.status
    changed = not status.HasField("terminatingReplicas") or status.terminatingReplicas != count
    status.terminatingReplicas = count
    return changed


KIND: Final = ReplicaKind(REPLICA_SETS, apps.ReplicaSet, _selector, _tell_terminating)


class ReplicaSetController(ReplicaControl[apps.ReplicaSet]):
    """Keeps replica sets and their pods in step."""

    name: Final = "replicaset"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around, KIND)
