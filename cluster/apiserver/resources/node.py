"""Nodes."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import FieldProblem, forbidden_field, invalid, required, unsupported
from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import Node
from serialization.kinds import NODES
from serialization.labels import key_errors

NOT_READY: Final = "node.kubernetes.io/not-ready"
EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")


class NodeStrategy(Strategy[Node]):
    """Nodes register themselves.

    ``taint_new`` adds the taint that a new node carries until a node lifecycle controller has seen
    it Ready (Kubernetes' TaintNodesByCondition); it needs such a controller, so it is off.
    """

    resource = NODES

    def __init__(self, *, taint_new: bool = False) -> None:
        self._taint_new = taint_new

    def default(self, obj: Node) -> None:
        obj.spec.SetInParent()
        status = obj.status
        status.daemonEndpoints.kubeletEndpoint.SetInParent()
        status.nodeInfo.SetInParent()
        if status.capacity and not status.allocatable:
            for name in sorted(status.capacity):
                status.allocatable[name].CopyFrom(status.capacity[name])

    def prepare_create(self, obj: Node) -> None:
        if self._taint_new and all(taint.key != NOT_READY for taint in obj.spec.taints):
            obj.spec.taints.add(key=NOT_READY, effect="NoSchedule")

    def validate(self, obj: Node) -> list[FieldProblem]:
        problems = []
        seen = set()
        for index, taint in enumerate(obj.spec.taints):
            field = f"spec.taints[{index}]"
            if not taint.key:
                problems.append(required(f"{field}.key"))
            else:
                problems += [
                    invalid(f"{field}.key", taint.key, why) for why in key_errors(taint.key)
                ]
            if taint.effect not in EFFECTS:
                problems.append(unsupported(f"{field}.effect", taint.effect, EFFECTS))
            if (taint.key, taint.effect) in seen:
                problems.append(
                    FieldProblem(
                        f"{field}", "FieldValueDuplicate", f'Duplicate value: "{taint.key}"'
                    )
                )
            seen.add((taint.key, taint.effect))
        return problems

    def prepare_update(self, new: Node, old: Node) -> None:
        new.status.CopyFrom(old.status)

    def validate_update(self, new: Node, old: Node) -> list[FieldProblem]:
        problems = []
        if old.spec.providerID and new.spec.providerID != old.spec.providerID:
            problems.append(
                forbidden_field(
                    "spec.providerID",
                    'node updates may not change providerID except from "" to valid',
                )
            )
        if old.spec.podCIDRs and list(new.spec.podCIDRs) != list(old.spec.podCIDRs):
            problems.append(
                forbidden_field(
                    "spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'
                )
            )
        return problems

    def prepare_status(self, new: Node, old: Node) -> None:
        new.spec.CopyFrom(old.spec)
