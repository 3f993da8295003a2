"""Endpoint slices as messages, and what they say. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.controllers.service_endpoints.reading import Port
from cluster.controllers.service_endpoints.slices import Endpoint, Identity, Ports
from serialization.api.core.v1_pb2 import ObjectReference
from serialization.api.discovery import v1_pb2 as discovery


def ports_of(slice_: discovery.EndpointSlice) -> Ports:
    """Return a slice's ports, sorted."""
    return tuple(sorted(Port(p.name, p.port, p.protocol, p.appProtocol) for p in slice_.ports))


def endpoints_of(slice_: discovery.EndpointSlice) -> tuple[Endpoint, ...]:
    """Return a slice's endpoints, in its order."""
    return tuple(_endpoint_of(each) for each in slice_.endpoints)


def _endpoint_of(endpoint: discovery.Endpoint) -> Endpoint:
    target, conditions = endpoint.targetRef, endpoint.conditions
    return Endpoint(
        Identity(
            tuple(endpoint.addresses),
            target.namespace,
            target.name,
            target.uid,
            endpoint.hostname,
        ),
        conditions.ready,
        conditions.serving,
        conditions.terminating,
        endpoint.nodeName,
        endpoint.zone,
    )


def write_content(
    slice_: discovery.EndpointSlice, ports: Iterable[Port], endpoints: Iterable[Endpoint]
) -> None:
    """Make a slice say this."""
    del slice_.ports[:]
    for port in ports:
        slice_.ports.append(
            discovery.EndpointPort(
                name=port.name,
                port=port.number,
                protocol=port.protocol,
                appProtocol=port.app_protocol or None,
            )
        )
    del slice_.endpoints[:]
    for endpoint in endpoints:
        slice_.endpoints.append(_message_of(endpoint))


def _message_of(endpoint: Endpoint) -> discovery.Endpoint:
    identity = endpoint.identity
    return discovery.Endpoint(
        addresses=identity.addresses,
        conditions=discovery.EndpointConditions(
            ready=endpoint.ready, serving=endpoint.serving, terminating=endpoint.terminating
        ),
        hostname=identity.hostname or None,
        targetRef=ObjectReference(
            kind="Pod", namespace=identity.namespace, name=identity.name, uid=identity.uid
        ),
        nodeName=endpoint.node_name or None,
        zone=endpoint.zone or None,
    )
