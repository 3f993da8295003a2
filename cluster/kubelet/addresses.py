"""Addresses of hollow nodes and their pods: made up, unique in the cluster, never routed."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Final

HOSTS: Final = int(IPv4Address("172.16.0.0"))
PODS: Final = int(IPv4Address("10.0.0.0"))
NODES_MAX: Final = 65_535
"""One /24 of 10.0.0.0/8 for each node."""
PODS_PER_NODE_MAX: Final = 254


def host_address(index: int) -> str:
    """Return the address of a node."""
    return str(IPv4Address(HOSTS + index + 1))


def pod_range(index: int) -> str:
    """Return the CIDR of a node's pods."""
    return f"{IPv4Address(PODS + (index << 8))}/24"


class PodAddresses:
    """The addresses of one node's pods: next free one first, reused as late as possible."""

    def __init__(self, index: int) -> None:
        self._base = PODS + (index << 8)
        self._of: dict[str, str] = {}
        self._taken: set[str] = set()
        self._last = 0

    def take(self, uid: str) -> str:
        """Return the pod's address, a new one the first time; empty when all are taken."""
        address = self._of.get(uid)
        if address is not None:
            return address
        for _ in range(PODS_PER_NODE_MAX):
            self._last = self._last % PODS_PER_NODE_MAX + 1
            address = str(IPv4Address(self._base + self._last))
            if address not in self._taken:
                self.observe(uid, address)
                return address
        return ""

    def observe(self, uid: str, address: str) -> None:
        """Remember an address that a pod already has (this process was restarted)."""
        self._of[uid] = address
        self._taken.add(address)

    def release(self, uid: str) -> None:
        """Take back the address of a pod that is gone."""
        address = self._of.pop(uid, None)
        if address is not None:
            self._taken.discard(address)
