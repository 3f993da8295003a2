"""The status of a replica controller, as its sync writes it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from cluster.controllers.replicas import ReplicaCounts
from serialization.api.apps import v1_pb2 as apps
from serialization.api.core import v1_pb2 as core
from serialization.times import seconds_of

W = TypeVar("W", core.ReplicationController, apps.ReplicaSet)

REPLICA_FAILURE: Final = "ReplicaFailure"


class Outcome(NamedTuple):
    """What came of a sync."""

    short: int
    """How many pods were lacking; negative: too many."""
    failure: Exception | None
    """Why that could not be put right."""


def set_status(controller: W, counts: ReplicaCounts, outcome: Outcome, now: datetime) -> bool:
    """Write counts and condition into the status; return whether that changed it."""
    before = _values(controller)
    status = controller.status
    status.replicas = counts.replicas
    status.fullyLabeledReplicas = counts.fully_labeled
    status.readyReplicas = counts.ready
    status.availableReplicas = counts.available
    status.observedGeneration = controller.metadata.generation
    return _set_failure(controller, outcome, now) or _values(controller) != before


def _values(controller: W) -> tuple[int, int, int, int, int]:
    """Return the numbers: an absent zero is the same as a written one, whatever the codec."""
    status = controller.status
    return (
        status.replicas,
        status.fullyLabeledReplicas,
        status.readyReplicas,
        status.availableReplicas,
        status.observedGeneration,
    )


def _set_failure(controller: W, outcome: Outcome, now: datetime) -> bool:
    """Keep the condition ReplicaFailure as long as there is one; return whether it changed.

    The reason and time of the first failure stand until a sync succeeds.
    """
    conditions = controller.status.conditions
    at = next((i for i, each in enumerate(conditions) if each.type == REPLICA_FAILURE), None)
    if outcome.failure is None:
        if at is not None:
            del conditions[at]
        return at is not None
    if at is not None:
        return False
    added = conditions.add()
    added.type = REPLICA_FAILURE
    added.status = "True"
    added.reason = "FailedCreate" if outcome.short > 0 else "FailedDelete"
    added.message = str(outcome.failure)
    added.lastTransitionTime.seconds = seconds_of(now)
    return True
