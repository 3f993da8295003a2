"""Nodes."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    duplicate_shown,
    forbidden_field,
    invalid,
    invalid_shown,
    required,
    unsupported,
)
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.spread_validation import EFFECTS
from cluster.apiserver.resources.value_rules import NOT_NEGATIVE
from serialization.api.core.v1_pb2 import Node, NodeSpec
from serialization.api.resource_pb2 import Quantity
from serialization.kinds import NODES
from serialization.labels import key_errors, value_errors
from serialization.plain import plain
from serialization.quantity import nano_value

NOT_READY: Final = "node.kubernetes.io/not-ready"


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
        _settle_ranges(obj.spec)
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
        problems = _taint_problems(obj) if obj.spec.taints else []
        if obj.spec.podCIDRs:
            problems += _range_problems(obj)
        return problems

    def prepare_update(self, new: Node, old: Node) -> None:
        new.status.CopyFrom(old.status)

    def validate_update(self, new: Node, old: Node) -> list[FieldProblem]:
        after, before = new.spec, old.spec
        if after == before:
            return []
        problems = []
        if before.podCIDRs and list(after.podCIDRs) != list(before.podCIDRs):
            why = 'node updates may not change podCIDR except from "" to valid'
            problems.append(forbidden_field("spec.podCIDRs", why))
        if before.providerID and after.providerID != before.providerID:
            why = 'node updates may not change providerID except from "" to valid'
            problems.append(forbidden_field("spec.providerID", why))
        if after.externalID != before.externalID:
            why = (
                "node updates may only change labels, taints, or capacity (or configSource, if "
                "the DynamicKubeletConfig feature gate is enabled)"
            )
            problems.append(forbidden_field("", why))
        return problems

    def prepare_status(self, new: Node, old: Node) -> None:
        new.spec.CopyFrom(old.spec)

    def validate_status(self, new: Node, old: Node) -> list[FieldProblem]:
        status = new.status
        problems = _amount_problems(status.capacity, "status.capacity")
        problems += _amount_problems(status.allocatable, "status.allocatable")
        seen: set[tuple[str, str]] = set()
        for index, address in enumerate(status.addresses):
            what = (address.type, address.address)
            if what in seen:
                shown = json.dumps(plain(address), separators=(",", ":"))
                problems.append(duplicate_shown(f"status.addresses[{index}]", shown))
            seen.add(what)
        return problems


def _taint_problems(obj: Node) -> list[FieldProblem]:
    problems = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(obj.spec.taints):
        field = f"spec.taints[{index}]"
        problems += [invalid(f"{field}.key", taint.key, why) for why in key_errors(taint.key)]
        errors = value_errors(taint.value)
        if errors:
            problems.append(invalid(f"{field}.value", taint.value, ";".join(errors)))
        if not taint.effect:
            problems.append(required(f"{field}.effect"))
        elif taint.effect not in EFFECTS:
            problems.append(unsupported(f"{field}.effect", taint.effect, EFFECTS))
        if (taint.key, taint.effect) in seen:
            shown = json.dumps(
                {"Key": taint.key, "Value": taint.value, "Effect": taint.effect, "TimeAdded": None},
                separators=(",", ":"),
            )
            why = "taints must be unique by key and effect pair"
            problems.append(duplicate_shown(field, shown, why))
        seen.add((taint.key, taint.effect))
    return problems


def _range_problems(obj: Node) -> list[FieldProblem]:
    """Judge the addresses of a node's pods: a range of each family at most."""
    problems = []
    families: set[int] = set()
    for index, text in enumerate(obj.spec.podCIDRs):
        try:
            families.add(ipaddress.ip_network(text, strict=False).version)
        except ValueError:
            why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            problems.append(invalid(f"spec.podCIDRs[{index}]", text, why))
    if len(obj.spec.podCIDRs) > 1 and (len(obj.spec.podCIDRs) > 2 or len(families) != 2):
        shown = json.dumps(list(obj.spec.podCIDRs), separators=(",", ":"))
        why = "may specify no more than one CIDR for each IP family"
        problems.append(invalid_shown("spec.podCIDRs", shown, why))
    return problems


def _amount_problems(amounts: Mapping[str, Quantity], field: str) -> list[FieldProblem]:
    if not any(amount.string[:1] == "-" for amount in amounts.values()):  # every heartbeat
        return []
    return [
        invalid(f"{field}[{name}]", amounts[name].string, NOT_NEGATIVE)
        for name in sorted(amounts)
        if nano_value(amounts[name].string) < 0
    ]


def _settle_ranges(spec: NodeSpec) -> None:
    """Tell the first range by its old name, too; where both are given, the old one counts."""
    if spec.podCIDR:
        if not spec.podCIDRs or spec.podCIDRs[0] != spec.podCIDR:
            spec.podCIDRs[:] = [spec.podCIDR]
    elif spec.podCIDRs:
        spec.podCIDR = spec.podCIDRs[0]
