"""Endpoints: the addresses behind a service, in one object."""

from __future__ import annotations

from cluster.apiserver.errors import FieldProblem, invalid, required, unsupported
from cluster.apiserver.resources.addresses import reachable_address_errors
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.metadata import label_name_errors
from cluster.apiserver.resources.ports import PROTOCOLS, port_number_errors
from serialization.api.core.v1_pb2 import EndpointAddress, EndpointPort, Endpoints
from serialization.kinds import ENDPOINTS
from serialization.labels import key_errors, subdomain_errors


class EndpointsStrategy(Strategy[Endpoints]):
    """Written by a controller, or by hand for a service without a selector."""

    resource = ENDPOINTS

    def default(self, obj: Endpoints) -> None:
        for subset in obj.subsets:
            for port in subset.ports:
                if not port.protocol:
                    port.protocol = "TCP"

    def validate(self, obj: Endpoints) -> list[FieldProblem]:
        problems: list[FieldProblem] = []
        nodes: set[str] = set()
        for index, subset in enumerate(obj.subsets):
            field = f"subsets[{index}]"
            if not subset.addresses and not subset.notReadyAddresses:
                problems.append(required(field, "must specify `addresses` or `notReadyAddresses`"))
            for name, addresses in (
                ("addresses", subset.addresses),
                ("notReadyAddresses", subset.notReadyAddresses),
            ):
                for place, address in enumerate(addresses):
                    _judge_address(address, f"{field}.{name}[{place}]", nodes, problems)
            named = len(subset.ports) > 1
            for place, port in enumerate(subset.ports):
                _judge_port(port, f"{field}.ports[{place}]", problems, named=named)
        return problems


def _judge_address(
    address: EndpointAddress, field: str, nodes: set[str], problems: list[FieldProblem]
) -> None:
    """Judge an address; ``nodes`` are names that have been judged and found good."""
    ip = address.ip
    errors = reachable_address_errors(ip)
    problems += [invalid(f"{field}.ip", ip, why) for why in errors]
    name, node = address.hostname, address.nodeName
    if name:
        problems += [invalid(f"{field}.hostname", name, why) for why in label_name_errors(name)]
    if address.HasField("nodeName") and node not in nodes:
        errors = subdomain_errors(node)
        problems += [invalid(f"{field}.nodeName", node, why) for why in errors]
        if not errors:
            nodes.add(node)


def _judge_port(
    port: EndpointPort, field: str, problems: list[FieldProblem], *, named: bool
) -> None:
    name, number = port.name, port.port
    if name:
        problems += [invalid(f"{field}.name", name, why) for why in label_name_errors(name)]
    elif named:
        problems.append(required(f"{field}.name"))
    problems += [invalid(f"{field}.port", number, why) for why in port_number_errors(number)]
    if port.protocol not in PROTOCOLS:
        problems.append(unsupported(f"{field}.protocol", port.protocol, PROTOCOLS))
    if port.HasField("appProtocol"):
        told = port.appProtocol
        problems += [invalid(f"{field}.appProtocol", told, why) for why in key_errors(told)]
