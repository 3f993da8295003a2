"""Endpoint slices: the addresses behind a service, in pieces."""

from __future__ import annotations

from cluster.apiserver.resources.interface import Strategy
from serialization.api.discovery.v1_pb2 import EndpointSlice
from serialization.kinds import ENDPOINT_SLICES
from serialization.normal import equal


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

    def prepare_update(self, new: EndpointSlice, old: EndpointSlice) -> None:
        _drop_topology(new)
        if not equal(_content(new), _content(old)):
            new.metadata.generation = old.metadata.generation + 1


def _content(obj: EndpointSlice) -> EndpointSlice:
    return EndpointSlice(addressType=obj.addressType, endpoints=obj.endpoints, ports=obj.ports)


def _drop_topology(obj: EndpointSlice) -> None:
    for endpoint in obj.endpoints:
        endpoint.ClearField("deprecatedTopology")
