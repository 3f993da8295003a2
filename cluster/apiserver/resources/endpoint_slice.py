"""Endpoint slices: the addresses behind a service, in pieces."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    duplicate,
    invalid,
    required,
    too_many,
    unsupported,
)
from cluster.apiserver.resources.addresses import reachable_address_errors
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.metadata import label_name_errors
from cluster.apiserver.resources.ports import PROTOCOLS
from serialization.api.discovery.v1_pb2 import Endpoint, EndpointHints, EndpointPort, EndpointSlice
from serialization.kinds import ENDPOINT_SLICES
from serialization.labels import key_errors, subdomain_errors, value_errors
from serialization.normal import equal

ADDRESS_TYPES: Final = ("FQDN", "IPv4", "IPv6")
ENDPOINTS_MAX: Final = 1000
ADDRESSES_MAX: Final = 100
PORTS_MAX: Final = 20_000
"""The documentation of the field says 100; what is enforced was raised (kubernetes#99795)."""
HINTS_MAX: Final = 8

_VERSIONS: Final = {"IPv4": 4, "IPv6": 6}


class EndpointSliceStrategy(Strategy[EndpointSlice]):
    """Its generation counts changes of everything but the metadata."""

    resource = ENDPOINT_SLICES

    def default(self, obj: EndpointSlice) -> None:
        for port in obj.ports:
            if not port.HasField("name"):
                port.name = ""
            if not port.HasField("protocol"):
                port.protocol = "TCP"

    def prepare_create(self, obj: EndpointSlice) -> None:
        obj.metadata.generation = 1
        _drop_topology(obj)

    def validate(self, obj: EndpointSlice) -> list[FieldProblem]:
        problems: list[FieldProblem] = []
        if not obj.addressType:
            problems.append(required("addressType"))
        elif obj.addressType not in ADDRESS_TYPES:
            problems.append(unsupported("addressType", obj.addressType, ADDRESS_TYPES))
        if len(obj.endpoints) > ENDPOINTS_MAX:
            problems.append(too_many("endpoints", len(obj.endpoints), ENDPOINTS_MAX))
        else:
            for index, endpoint in enumerate(obj.endpoints):
                _judge_endpoint(endpoint, obj.addressType, f"endpoints[{index}]", problems)
        if len(obj.ports) > PORTS_MAX:
            problems.append(too_many("ports", len(obj.ports), PORTS_MAX))
        else:
            names: set[str] = set()
            for index, port in enumerate(obj.ports):
                _judge_port(port, names, f"ports[{index}]", problems)
        return problems

    def prepare_update(self, new: EndpointSlice, old: EndpointSlice) -> None:
        _drop_topology(new)
        if not equal(_content(new), _content(old)):
            new.metadata.generation = old.metadata.generation + 1

    def validate_update(self, new: EndpointSlice, old: EndpointSlice) -> list[FieldProblem]:
        if new.addressType == old.addressType:
            return []
        return [invalid("addressType", new.addressType, "field is immutable")]


def _content(obj: EndpointSlice) -> EndpointSlice:
    return EndpointSlice(addressType=obj.addressType, endpoints=obj.endpoints, ports=obj.ports)


def _drop_topology(obj: EndpointSlice) -> None:
    """Clear the map that v1 only ever shows of objects of an older version."""
    for endpoint in obj.endpoints:
        endpoint.ClearField("deprecatedTopology")


def _judge_endpoint(
    endpoint: Endpoint, kind: str, field: str, problems: list[FieldProblem]
) -> None:
    at, count = f"{field}.addresses", len(endpoint.addresses)
    if not count:
        problems.append(required(at, "must contain at least 1 address"))
    elif count > ADDRESSES_MAX:
        problems.append(too_many(at, count, ADDRESSES_MAX))
    for index, text in enumerate(endpoint.addresses):
        problems += [invalid(f"{at}[{index}]", text, why) for why in _errors(text, kind)]
    if endpoint.HasField("nodeName"):
        node = endpoint.nodeName
        problems += [invalid(f"{field}.nodeName", node, why) for why in subdomain_errors(node)]
    if endpoint.HasField("hostname"):
        name = endpoint.hostname
        problems += [invalid(f"{field}.hostname", name, why) for why in label_name_errors(name)]
    if endpoint.HasField("hints"):
        _judge_hints(endpoint.hints, f"{field}.hints", problems)


def _errors(text: str, kind: str) -> list[str]:
    version = _VERSIONS.get(kind)
    if version is not None:
        return reachable_address_errors(text, version)
    if kind != "FQDN":
        return []
    name = text.removesuffix(".")
    if "." not in name:
        return ["should be a domain with at least two segments separated by dots"]
    return subdomain_errors(name)


def _judge_hints(hints: EndpointHints, field: str, problems: list[FieldProblem]) -> None:
    for kind, names in (
        ("forZones", [zone.name for zone in hints.forZones]),
        ("forNodes", [node.name for node in hints.forNodes]),
    ):
        at = f"{field}.{kind}"
        if len(names) > HINTS_MAX:
            problems.append(too_many(at, len(names), HINTS_MAX))
            continue
        for index, name in enumerate(names):
            if name in names[:index]:
                problems.append(duplicate(f"{at}[{index}].name", name))
            problems += [invalid(f"{at}[{index}].name", name, why) for why in value_errors(name)]


def _judge_port(
    port: EndpointPort, names: set[str], field: str, problems: list[FieldProblem]
) -> None:
    name = port.name
    if name:
        problems += [invalid(f"{field}.name", name, why) for why in label_name_errors(name)]
    if name in names:
        problems.append(duplicate(f"{field}.name", name))
    names.add(name)
    if port.protocol not in PROTOCOLS:
        problems.append(unsupported(f"{field}.protocol", port.protocol, PROTOCOLS))
    if port.HasField("appProtocol"):
        told = port.appProtocol
        problems += [invalid(f"{field}.appProtocol", told, why) for why in key_errors(told)]
