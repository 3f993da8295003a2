"""The counts that controllers of replicas report."""

from __future__ import annotations

from cluster.apiserver.errors import FieldProblem, invalid
from cluster.apiserver.resources.pod_template import negative_problems
from serialization.api.apps.v1_pb2 import ReplicaSetStatus
from serialization.api.core.v1_pb2 import ReplicationControllerStatus


def replica_status_problems(
    status: ReplicaSetStatus | ReplicationControllerStatus,
) -> list[FieldProblem]:
    """Return what does not add up in the counts of a status."""
    problems = negative_problems(
        ("status.replicas", status.replicas),
        ("status.fullyLabeledReplicas", status.fullyLabeledReplicas),
        ("status.readyReplicas", status.readyReplicas),
        ("status.availableReplicas", status.availableReplicas),
        ("status.observedGeneration", status.observedGeneration),
    )
    for name, count in (
        ("fullyLabeledReplicas", status.fullyLabeledReplicas),
        ("readyReplicas", status.readyReplicas),
        ("availableReplicas", status.availableReplicas),
    ):
        if count > status.replicas:
            why = "cannot be greater than status.replicas"
            problems.append(invalid(f"status.{name}", count, why))
    if status.availableReplicas > status.readyReplicas:
        why = "cannot be greater than readyReplicas"
        problems.append(invalid("status.availableReplicas", status.availableReplicas, why))
    return problems
