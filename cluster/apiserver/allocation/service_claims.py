"""What one write of a service claims: its addresses, its node ports, its port for health checks.

What the service has already is not judged again: it may come from another range than is served now.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Address, ip_address
from typing import Final

from cluster.apiserver.allocation.pool import ExhaustedError, Pool
from cluster.apiserver.errors import (
    FieldProblem,
    internal,
    invalid,
    invalid_object,
    invalid_shown,
)
from serialization.api.core.v1_pb2 import Service, ServiceSpec
from serialization.kinds import SERVICES

HEADLESS: Final = "None"
"""Stands for an address in services that have none."""


class _RefusedError(Exception):
    """What was asked for is not to be had."""

    def __init__(self, problem: FieldProblem) -> None:
        super().__init__(problem)
        self.problem = problem


class ServiceClaims:
    """Claims on the pools, made together and released together."""

    def __init__(self, addresses: Pool, ports: Pool, service: Service) -> None:
        self._addresses = addresses
        self._ports = ports
        self._service = service
        self._uid = service.metadata.uid
        self._claimed_addresses: list[int] = []
        self._claimed_ports: list[int] = []

    def make(self) -> None:
        """Claim and fill in everything, or raise StatusError; ``release`` is due either way."""
        spec = self._service.spec
        try:
            if takes_address(spec):
                self._claim_addresses(spec)
            self._claim_ports(spec)
            if needs_health_port(spec):
                self._claim_health_port(spec)
        except _RefusedError as error:
            name = self._service.metadata.name
            raise invalid_object(SERVICES.kind, name, [error.problem]) from None

    def release(self) -> None:
        """End all claims."""
        self._addresses.release(self._claimed_addresses, self._uid)
        self._ports.release(self._claimed_ports, self._uid)

    def _claim_addresses(self, spec: ServiceSpec) -> None:
        if not spec.clusterIPs:
            number = _drawn(self._addresses, self._uid, "serviceIP")
            self._claimed_addresses.append(number)
            spec.clusterIP = str(IPv4Address(number))
            spec.clusterIPs.append(spec.clusterIP)
            return
        for text in spec.clusterIPs:
            number = address_number(text)
            if self._addresses.has_stored(number, self._uid):
                continue
            if number not in self._addresses:
                raise _address_refused(
                    text, "the provided network does not match the current range"
                )
            if not self._addresses.claim(number, self._uid):
                raise _address_refused(text, "provided IP is already allocated")
            self._claimed_addresses.append(number)

    def _claim_ports(self, spec: ServiceSpec) -> None:
        """Give each port a node port; one number in two protocols gets one node port."""
        given: dict[int, int] = {}
        for port in spec.ports:
            if port.nodePort:
                given.setdefault(port.port, port.nodePort)
        for index, port in enumerate(spec.ports):
            if not port.nodePort:
                if not takes_node_ports(spec):
                    continue
                port.nodePort = given.get(port.port) or self._draw_port()
                given[port.port] = port.nodePort
            self._claim_port(port.nodePort, f"spec.ports[{index}].nodePort")

    def _claim_health_port(self, spec: ServiceSpec) -> None:
        if not spec.healthCheckNodePort:
            spec.healthCheckNodePort = self._draw_port()
        self._claim_port(spec.healthCheckNodePort, "spec.healthCheckNodePort")

    def _draw_port(self) -> int:
        number = _drawn(self._ports, self._uid, "nodePort")
        self._claimed_ports.append(number)
        return number

    def _claim_port(self, number: int, field: str) -> None:
        if self._ports.has_stored(number, self._uid):
            return
        if number not in self._ports:
            numbers = self._ports.numbers
            raise _RefusedError(
                invalid(
                    field,
                    number,
                    "provided port is not in the valid range. The range of valid ports is "
                    f"{numbers[0]}-{numbers[-1]}",
                )
            )
        if not self._ports.claim(number, self._uid):
            raise _RefusedError(invalid(field, number, "provided port is already allocated"))
        self._claimed_ports.append(number)


def takes_address(spec: ServiceSpec) -> bool:
    """Tell whether a service has a cluster address, asked for or to be drawn."""
    if spec.type not in {"ClusterIP", "NodePort", "LoadBalancer"}:
        return False
    return not (spec.clusterIPs and spec.clusterIPs[0] == HEADLESS)


def takes_node_ports(spec: ServiceSpec) -> bool:
    """Tell whether ports that ask for no node port get one."""
    return spec.type == "NodePort" or (
        spec.type == "LoadBalancer" and spec.allocateLoadBalancerNodePorts
    )


def needs_health_port(spec: ServiceSpec) -> bool:
    """Tell whether a load balancer asks each node whether it has an endpoint of the service."""
    return spec.type == "LoadBalancer" and spec.externalTrafficPolicy == "Local"


def address_number(text: str) -> int:
    """Return an IPv4 address as a number; 0 for ``None``, for IPv6 and for what is none."""
    if text == HEADLESS:
        return 0
    try:
        address = ip_address(text)
    except ValueError:
        return 0
    return int(address) if isinstance(address, IPv4Address) else 0


def _drawn(pool: Pool, owner: str, what: str) -> int:
    try:
        return pool.draw(owner)
    except ExhaustedError:
        raise internal(f"failed to allocate a {what}: range is full") from None


def _address_refused(text: str, why: str) -> _RefusedError:
    shown = json.dumps([text])
    return _RefusedError(
        invalid_shown("spec.clusterIPs", shown, f"failed to allocate IP {text}: {why}")
    )
