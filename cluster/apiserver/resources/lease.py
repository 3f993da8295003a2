"""Leases: heartbeats of nodes, leader election."""

from __future__ import annotations

from cluster.apiserver.errors import FieldProblem, invalid, required
from cluster.apiserver.resources.interface import Strategy
from serialization.api.coordination.v1_pb2 import Lease
from serialization.kinds import LEASES
from serialization.labels import key_errors


class LeaseStrategy(Strategy[Lease]):
    """A lease may be made by a PUT: who renews it need not know whether it is there."""

    resource = LEASES
    creates_on_update = True

    def default(self, obj: Lease) -> None:
        obj.spec.SetInParent()

    def validate(self, obj: Lease) -> list[FieldProblem]:
        problems = []
        spec = obj.spec
        if spec.HasField("leaseDurationSeconds") and spec.leaseDurationSeconds <= 0:
            problems.append(
                invalid(
                    "spec.leaseDurationSeconds", spec.leaseDurationSeconds, "must be greater than 0"
                )
            )
        if spec.HasField("leaseTransitions") and spec.leaseTransitions < 0:
            problems.append(
                invalid(
                    "spec.leaseTransitions",
                    spec.leaseTransitions,
                    "must be greater than or equal to 0",
                )
            )
        if spec.preferredHolder and not spec.strategy:
            problems.append(required("spec.strategy", "must be set with preferredHolder"))
        if spec.HasField("strategy"):
            problems += [
                invalid("spec.strategy", spec.strategy, why) for why in key_errors(spec.strategy)
            ]
        return problems
