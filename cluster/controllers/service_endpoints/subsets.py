"""Endpoints subsets in canonical form: which addresses offer which ports. Pure.

Ports that are offered by the very same addresses stand together, so each port stands once and the
form depends on nothing but what it says. Example, with pods 1 and 2 whose ``web`` differs::

    1 offers web=80, metrics=9         {1 2: metrics=9} {1: web=80} {2: web=81}
    2 offers web=81, metrics=9

Source: Kubernetes' pkg/api/v1/endpoints; it sorts ports and subsets by a hash, we by their values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import Final, NamedTuple

from cluster.controllers.service_endpoints.reading import Port
from serialization.api.core import v1_pb2 as core

ADDRESSES_MAX: Final = 1000
"""How many addresses an Endpoints object holds; the rest is left to slices."""


class Address(NamedTuple):
    """An address; they are in order of ``ip`` and ``uid``."""

    ip: str
    uid: str
    namespace: str
    name: str
    node_name: str
    hostname: str


class Offer(NamedTuple):
    """A pod's part: its address and the ports that are reached there."""

    address: Address
    ready: bool
    ports: tuple[Port, ...]


class Subset(NamedTuple):
    """Addresses that all offer the same ports."""

    ports: tuple[Port, ...]
    ready: tuple[Address, ...]
    not_ready: tuple[Address, ...]


def pack(offers: Iterable[Offer]) -> tuple[Subset, ...]:
    """Return the canonical subsets; an offer without ports counts as an address without ports."""
    by_port: dict[Port | None, dict[Address, bool]] = {}
    for offer in offers:
        for port in offer.ports or (None,):
            reached = by_port.setdefault(port, {})
            # Told twice, it is ready only if both say so.
            reached[offer.address] = offer.ready and reached.get(offer.address, True)
    together: dict[tuple[tuple[Address, bool], ...], list[Port]] = {}
    for port, reached in by_port.items():
        ports = together.setdefault(tuple(sorted(reached.items())), [])
        if port is not None:
            ports.append(port)
    return tuple(
        sorted(
            Subset(
                tuple(sorted(ports)),
                tuple(address for address, ready in reached_by if ready),
                tuple(address for address, ready in reached_by if not ready),
            )
            for reached_by, ports in together.items()
        )
    )


def truncate(subsets: Sequence[Subset]) -> tuple[tuple[Subset, ...], bool]:
    """Return the subsets within ``ADDRESSES_MAX``, and whether that took anything away.

    Ready addresses go before others; each subset gives up its share, rounded in its favour.
    """
    ready = sum(len(each.ready) for each in subsets)
    total = ready + sum(len(each.not_ready) for each in subsets)
    if total <= ADDRESSES_MAX:
        return tuple(subsets), False
    cut_ready = ready > ADDRESSES_MAX
    room = ADDRESSES_MAX if cut_ready else ADDRESSES_MAX - ready
    left, of = room, ready if cut_ready else total - ready
    kept = []
    for each in subsets:
        cut = each.ready if cut_ready else each.not_ready
        some = cut[: min(left, ceil(len(cut) / of * room))]
        left -= len(some)
        kept.append(
            each._replace(ready=some, not_ready=()) if cut_ready else each._replace(not_ready=some)
        )
    return tuple(kept), True


def subsets_of(endpoints: core.Endpoints) -> tuple[Subset, ...]:
    """Read the subsets of an object, in its own order."""
    return tuple(
        Subset(
            tuple(Port(p.name, p.port, p.protocol, p.appProtocol) for p in subset.ports),
            tuple(_address_of(each) for each in subset.addresses),
            tuple(_address_of(each) for each in subset.notReadyAddresses),
        )
        for subset in endpoints.subsets
    )


def _address_of(address: core.EndpointAddress) -> Address:
    target = address.targetRef
    return Address(
        address.ip, target.uid, target.namespace, target.name, address.nodeName, address.hostname
    )


def write_subsets(endpoints: core.Endpoints, subsets: Iterable[Subset]) -> None:
    """Make these the subsets of an object."""
    del endpoints.subsets[:]
    for subset in subsets:
        endpoints.subsets.append(
            core.EndpointSubset(
                addresses=[_address(each) for each in subset.ready],
                notReadyAddresses=[_address(each) for each in subset.not_ready],
                ports=[_port(each) for each in subset.ports],
            )
        )


def _address(address: Address) -> core.EndpointAddress:
    return core.EndpointAddress(
        ip=address.ip,
        hostname=address.hostname or None,
        nodeName=address.node_name or None,
        targetRef=core.ObjectReference(
            kind="Pod", namespace=address.namespace, name=address.name, uid=address.uid
        ),
    )


def _port(port: Port) -> core.EndpointPort:
    return core.EndpointPort(
        name=port.name or None,
        port=port.number,
        protocol=port.protocol,
        appProtocol=port.app_protocol or None,
    )
