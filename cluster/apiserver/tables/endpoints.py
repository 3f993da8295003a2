"""How endpoints and endpoint slices are shown: the first few addresses, and how many more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cluster.apiserver.tables.interface import AGE, NAME, NONE, Cell, Column, age, joined
from serialization.api.core.v1_pb2 import Endpoints
from serialization.api.discovery.v1_pb2 import EndpointPort, EndpointSlice

SHOWN_MAX: Final = 3
UNSET: Final = "<unset>"


class EndpointsPrinter:
    """Name, addresses, age."""

    columns = (NAME, Column("Endpoints"), AGE)

    def cells(self, obj: Endpoints, now: datetime) -> list[Cell]:
        addresses = []
        for subset in obj.subsets:
            ready = [address.ip for address in subset.addresses]
            if not subset.ports:
                addresses += ready
            addresses += [_with_port(ip, port.port) for port in subset.ports for ip in ready]
        told = _first_few(addresses) if obj.subsets else NONE
        return [obj.metadata.name, told, age(obj.metadata.creationTimestamp, now)]


class EndpointSlicePrinter:
    """Name, type of address, ports, addresses, age."""

    columns = (NAME, Column("AddressType"), Column("Ports"), Column("Endpoints"), AGE)

    def cells(self, obj: EndpointSlice, now: datetime) -> list[Cell]:
        addresses = [ip for endpoint in obj.endpoints for ip in endpoint.addresses]
        return [
            obj.metadata.name,
            obj.addressType,
            _first_few([_port(port) for port in obj.ports]) or UNSET,
            _first_few(addresses) or UNSET,
            age(obj.metadata.creationTimestamp, now),
        ]


def _first_few(texts: Sequence[str]) -> str:
    more = len(texts) - SHOWN_MAX
    told = joined(texts[:SHOWN_MAX])
    return f"{told} + {more} more..." if more > 0 else told


def _with_port(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _port(port: EndpointPort) -> str:
    if port.HasField("port"):
        return str(port.port)
    return port.name if port.HasField("name") else "*"
