"""Changing how many pods a replication controller wants, beside all who write it too."""

from __future__ import annotations

from typing import Final

from bench.requests import Call
from bench.scenarios.stage import Stage
from cluster.client.interface import ApiError, ObjectKey, TransportError
from serialization.api.core.v1_pb2 import ReplicationController
from serialization.kinds import REPLICATION_CONTROLLERS

CONFLICTS_MAX: Final = 20
GET_CONTROLLER: Final = Call("get", "replicationcontrollers")
UPDATE_CONTROLLER: Final = Call("update", "replicationcontrollers")


async def resize(stage: Stage, key: ObjectKey, replicas: int, due_ns: int = 0) -> None:
    """GET and PUT until no one else wrote in between (the controller writes its status).

    Raises ApiError, TransportError.
    """
    for _ in range(CONFLICTS_MAX):
        found = await stage.requests.time(
            GET_CONTROLLER,
            stage.client.get(REPLICATION_CONTROLLERS, ReplicationController, key),
            due_ns,
        )
        found.spec.replicas = replicas
        try:
            await stage.requests.time(
                UPDATE_CONTROLLER, stage.client.update(REPLICATION_CONTROLLERS, found)
            )
        except ApiError as error:
            if error.code != 409:
                raise
        else:
            return
        due_ns = 0
    raise TransportError(f"{key}: {CONFLICTS_MAX} conflicts in a row")
