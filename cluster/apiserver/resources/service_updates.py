"""What an update of a service keeps of the old one, and what it may not change.

Clients send back what they know; what was handed out and is not mentioned is meant to stay. When
the type changes, what only the old type has goes, unless the client changed it in the same breath
(then validation tells it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from google.protobuf.message import Message

from cluster.apiserver.errors import FieldProblem, invalid, invalid_shown
from cluster.apiserver.resources.service_validation import is_exposed, is_headless
from serialization.api.core.v1_pb2 import ServiceSpec


def has_address(spec: ServiceSpec) -> bool:
    """Tell whether the type has an address (which may be ``None``, and so none)."""
    return spec.type in {"ClusterIP", "NodePort", "LoadBalancer"}


def has_node_ports(spec: ServiceSpec) -> bool:
    """Tell whether ports may have node ports."""
    return spec.type in {"NodePort", "LoadBalancer"}


def is_balanced(spec: ServiceSpec) -> bool:
    """Tell whether a load balancer stands before it."""
    return spec.type == "LoadBalancer"


def asks_health(spec: ServiceSpec) -> bool:
    """Tell whether the balancer asks each node whether it has an endpoint of the service."""
    return spec.type == "LoadBalancer" and spec.externalTrafficPolicy == "Local"


_DEPENDENT: Final = (
    (has_address, ("clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy")),
    (asks_health, ("healthCheckNodePort",)),
    (is_exposed, ("externalTrafficPolicy",)),
    (is_balanced, ("allocateLoadBalancerNodePorts", "loadBalancerClass")),
)
"""What comes with what, and goes with it."""


def _node_ports(spec: ServiceSpec) -> set[int]:
    return {port.nodePort for port in spec.ports}


def carry_over(new: ServiceSpec, old: ServiceSpec) -> None:
    """Put back addresses and ports that were handed out and are not mentioned."""
    _settle_addresses(new, old)
    if has_address(new) and has_address(old):
        if not new.clusterIP and not new.clusterIPs:
            new.clusterIP = old.clusterIP
            new.clusterIPs.extend(old.clusterIPs)
        if not new.ipFamilies:
            new.ipFamilies.extend(old.ipFamilies)
        if not new.HasField("ipFamilyPolicy") and old.HasField("ipFamilyPolicy"):
            new.ipFamilyPolicy = old.ipFamilyPolicy
    if has_node_ports(new) and has_node_ports(old):
        _carry_node_ports(new, old)
    if asks_health(new) and asks_health(old) and not new.healthCheckNodePort:
        new.healthCheckNodePort = old.healthCheckNodePort


def _settle_addresses(new: ServiceSpec, old: ServiceSpec) -> None:
    """Make the list follow the single address, which is all that old clients know."""
    if old.clusterIPs and not new.clusterIPs and new.clusterIP == old.clusterIP:
        new.clusterIPs.extend(old.clusterIPs)
    if new.clusterIP == old.clusterIP or list(new.clusterIPs) != list(old.clusterIPs):
        if new.clusterIP and not new.clusterIPs:
            new.clusterIPs.append(new.clusterIP)
        return
    del new.clusterIPs[:]
    if new.clusterIP:
        new.clusterIPs.append(new.clusterIP)


def _carry_node_ports(new: ServiceSpec, old: ServiceSpec) -> None:
    known = {port.name: port.nodePort for port in old.ports}
    used = {port.nodePort for port in new.ports} & set(known.values())
    for port in new.ports:
        if not port.nodePort and known.get(port.name, 0) not in used:
            port.nodePort = known.get(port.name, 0)
            used.add(port.nodePort)


def drop_what_the_type_lacks(new: ServiceSpec, old: ServiceSpec) -> None:
    """Clear what only the old type has, where the client has left it as it was."""
    for has, names in _DEPENDENT:
        if has(old) and not has(new):
            _clear_same(new, old, names)
    # The single address goes with the list, and only with it.
    if not new.clusterIPs and new.type == "ExternalName" and new.clusterIP == old.clusterIP:
        new.ClearField("clusterIP")
    same_ports = _node_ports(new) == _node_ports(old)
    if has_node_ports(old) and not has_node_ports(new) and same_ports:
        for port in new.ports:
            port.ClearField("nodePort")


def _clear_same(new: Message, old: Message, names: Iterable[str]) -> None:
    for name in names:
        if getattr(new, name) == getattr(old, name):
            new.ClearField(name)


def service_change_problems(new: ServiceSpec, old: ServiceSpec) -> list[FieldProblem]:
    """Return what may not change: the primary address and family, a load balancer's class."""
    problems: list[FieldProblem] = []
    if "ExternalName" not in {new.type, old.type} and not (is_headless(new) and is_headless(old)):
        problems += _list_change("clusterIPs", list(new.clusterIPs), list(old.clusterIPs))
        problems += _list_change("ipFamilies", list(new.ipFamilies), list(old.ipFamilies))
    if old.type == new.type == "LoadBalancer" and new.loadBalancerClass != old.loadBalancerClass:
        problems.append(
            invalid("spec.loadBalancerClass", new.loadBalancerClass, "may not change once set")
        )
    return problems


def _list_change(name: str, new: list[str], old: list[str]) -> list[FieldProblem]:
    shown = json.dumps(new, separators=(",", ":"))
    if old and not new:
        what = "primary clusterIP" if name == "clusterIPs" else "primary ipFamily"
        return [invalid_shown(f"spec.{name}[0]", "null", f"{what} can not be unset")]
    return [
        invalid_shown(f"spec.{name}[{index}]", shown, "may not change once set")
        for index, (before, after) in enumerate(zip(old, new, strict=False))
        if before != after
    ]
