"""The ReplicationController controller: replica control by an equality selector."""

from __future__ import annotations

from typing import Final

from cluster.controllers.replica_control import ReplicaControl, ReplicaKind
from cluster.controllers.runner import Surroundings
from serialization.api.core import v1_pb2 as core
from serialization.kinds import REPLICATION_CONTROLLERS
from serialization.selectors import NOTHING, LabelSelector, of_map


def _selector(controller: core.ReplicationController) -> LabelSelector:
    """Return its selector; an empty one picks nothing (a server fills it from the template)."""
    labels = controller.spec.selector
    return of_map(labels) if labels else NOTHING


KIND: Final = ReplicaKind(
    REPLICATION_CONTROLLERS,
    core.ReplicationController,
    _selector,
    lambda _controller, _count: False,  # of this kind nobody is told
)


class ReplicationController(ReplicaControl[core.ReplicationController]):
    """Keeps replication controllers and their pods in step."""

    name: Final = "replicationcontroller"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around, KIND)
