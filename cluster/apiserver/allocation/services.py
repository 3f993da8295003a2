"""Cluster addresses and node ports of services, handed out of what the watch cache shows as free.

How it works. The allocator follows the cache of services: a table of who has which number, brought
up to date in the step in which the cache takes a change, and made anew when the cache had to list
again. What a write in flight is to have stands beside it, as pending, until the store has answered;
then it is either in the cache or free again. So nothing is stored of its own, nothing leaks, and
two writes of one turn never get the same number. A write whose caller left may yet be stored: what
it was given is free again only later. Several API servers on one store do not see each other's
writes in flight: there ``shared_services`` claims in the store what is found here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network
from random import Random
from typing import Final, NamedTuple, cast

from google.protobuf.message import Message

from cluster.apiserver.allocation.interface import Hold
from cluster.apiserver.allocation.pool import Pool
from cluster.apiserver.allocation.service_claims import ServiceClaims, address_number
from serialization.api.core.v1_pb2 import Service
from storage.errors import StoreError
from storage.watchcache.dispatch import Subscription
from storage.watchcache.events import EventType, WatchEvent
from storage.watchcache.resource import ResourceCache
from storage.watchcache.selection import Selection

SERVICE_RANGE: Final = IPv4Network("10.96.0.0/16")
NODE_PORTS: Final = range(30_000, 32_768)
_ADDRESSES_LOW_MAX: Final = 256
_PORTS_LOW_MAX: Final = 128
_LOW_SHARE: Final = 16
"""The part of an address range that is drawn from last: a sixteenth, 16 to 256 addresses."""
_PORTS_SHARE: Final = 32

LATE_HOLD_S: Final = 60.0
"""How long what a write was given stays held after nobody waits for the write any more."""

_EVERYTHING: Final = Selection()


class Numbers(NamedTuple):
    """What one stored service has."""

    uid: str
    addresses: tuple[int, ...]
    ports: tuple[int, ...]


class ServiceAllocator:
    """Hands out addresses and ports to services (``allocation.interface``)."""

    def __init__(
        self, cache: ResourceCache, random: Random, addresses: IPv4Network = SERVICE_RANGE
    ) -> None:
        count = addresses.num_addresses
        first = int(addresses.network_address)
        low = min(max(16, count // _LOW_SHARE), _ADDRESSES_LOW_MAX)
        self._cache = cache
        self._addresses = Pool(range(first + 1, first + count - 1), low, random)
        self._ports = Pool(NODE_PORTS, min(len(NODE_PORTS) // _PORTS_SHARE, _PORTS_LOW_MAX), random)
        self._known: dict[bytes, Numbers] = {}
        self._subscription: Subscription | None = None

    def hold(self, obj: Message) -> Hold:
        return self._held(cast("Service", obj))

    @contextmanager
    def _held(self, service: Service) -> Iterator[None]:
        self._follow()
        claims = ServiceClaims(self._addresses, self._ports, service)
        try:
            claims.make()
            yield
        except asyncio.CancelledError:
            # It was late: the write may yet go through, so what it was given stays held for now.
            asyncio.get_running_loop().call_later(LATE_HOLD_S, claims.release)
            raise
        except BaseException:
            claims.release()
            raise
        claims.release()

    @contextmanager
    def shunning(self) -> Iterator[Callable[[bytes], None]]:
        """Give a function by which keys of numbers are kept from being given out meanwhile."""
        shunned: list[tuple[Pool, int]] = []

        def shun(key: bytes) -> None:
            text = key.rpartition(b"/")[2].decode()
            if text.isdecimal():
                pool, number = self._ports, int(text)
            else:
                pool, number = self._addresses, int(IPv4Address(text))
            pool.shunned.add(number)
            shunned.append((pool, number))

        try:
            yield shun
        finally:
            for pool, number in shunned:
                pool.shunned.discard(number)

    def notify(self, event: WatchEvent) -> None:
        """Take a change of a service (the cache's EventSink)."""
        obj = event.object
        self._drop(obj.key)
        if event.type is not EventType.DELETED:
            self._put(obj.key, cast("Service", self._cache.message(obj)))

    def ended(self, error: StoreError | None) -> None:
        """Take the end of the subscription: the next hold begins a new one."""
        self._subscription = None

    def _follow(self) -> None:
        """Make sure that every change is being told; read all that is there if it was not."""
        if self._subscription is not None:
            return
        self._addresses.forget()
        self._ports.forget()
        self._known.clear()
        for run in self._cache.select(_EVERYTHING):
            for obj in run:
                self._put(obj.key, cast("Service", self._cache.message(obj)))
        self._subscription = self._cache.subscribe(_EVERYTHING, self)

    def _put(self, key: bytes, service: Service) -> None:
        numbers = numbers_of(service)
        self._known[key] = numbers
        self._addresses.store(numbers.addresses, numbers.uid)
        self._ports.store(numbers.ports, numbers.uid)

    def _drop(self, key: bytes) -> None:
        numbers = self._known.pop(key, None)
        if numbers is not None:
            self._addresses.unstore(numbers.addresses, numbers.uid)
            self._ports.unstore(numbers.ports, numbers.uid)


def numbers_of(service: Service) -> Numbers:
    """Return what a service has, whether it was given it or asked for it."""
    spec = service.spec
    addresses = [number for each in spec.clusterIPs if (number := address_number(each))]
    ports = [port.nodePort for port in spec.ports if port.nodePort]
    if spec.healthCheckNodePort:
        ports.append(spec.healthCheckNodePort)
    return Numbers(service.metadata.uid, tuple(addresses), tuple(ports))
