"""Cluster addresses and node ports of services where several API servers share a store.

How it works. What is free is first asked of the watch cache, as ever (``services``), once that has
caught up; what was found is then claimed in the store (``claim_keys``), where only one server can
get it. A number that another one has been quicker with is shunned, and the next one is drawn; if it
was asked for by name, the service is refused.

    server A   cache: .7 is free   create /ipaddresses/10.96.0.7   create service a
    server B   cache: .7 is free   create /ipaddresses/10.96.0.7 -> it exists: draw again
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, cast

from google.protobuf.message import Message

from cluster.apiserver.allocation.claim_keys import (
    Claim,
    ClaimKeys,
    Owner,
    address_key,
    port_key,
)
from cluster.apiserver.allocation.services import Numbers, ServiceAllocator, numbers_of
from cluster.apiserver.errors import internal
from serialization.api.core.v1_pb2 import Service
from serialization.kinds import SERVICES
from storage.errors import StoreError, UnknownOutcomeError
from storage.watchcache.cache import WatchCache
from storage.watchcache.selection import Selection

logger = logging.getLogger(__name__)

DRAWS: Final = 64
"""How many drawn numbers may turn out to be another server's before a service is refused."""

Revisions = list[tuple[bytes, int]]
"""Claims: their keys, and the revisions at which they are known."""


class SharedServices:
    """Claims what services are given, before they are written (``interface.SharedAllocator``)."""

    def __init__(self, cache: WatchCache, allocator: ServiceAllocator, keys: ClaimKeys) -> None:
        self._cache = cache
        self._allocator = allocator
        self._keys = keys

    def hold(
        self, obj: Message, old: Message | None, *, dry_run: bool
    ) -> AbstractAsyncContextManager[None]:
        return self._held(cast("Service", obj), cast("Service | None", old), dry_run=dry_run)

    def leave(self, obj: Message) -> AbstractAsyncContextManager[None]:
        return self._left(cast("Service", obj))

    async def repair(self) -> None:
        """Remove claims that are left over, and claim what services have that is not claimed.

        Services may have been written before claims were, or a claim been removed by hand.
        Raises StoreError.
        """
        async for key, claim, revision in self._keys.all_old():
            if not await self._bears_out(key, claim):
                await self._keys.give_back([(key, revision)])
        claimed = await self._keys.keys()
        services = self._cache.of(SERVICES)
        for run in services.select(Selection()):
            for obj in run:
                service = cast("Service", services.message(obj))
                for key in sorted(_keys(numbers_of(service)) - claimed):
                    await self._keys.take(key, _owner(service))

    @asynccontextmanager
    async def _held(
        self, service: Service, old: Service | None, *, dry_run: bool
    ) -> AsyncIterator[None]:
        await self._cache.catch_up()
        has = _keys(numbers_of(old)) if old is not None else set()
        if dry_run:
            with self._allocator.hold(service):
                yield
            return
        asked = Service()
        asked.CopyFrom(service)
        with self._allocator.shunning() as shun:
            for _ in range(DRAWS):
                with self._allocator.hold(service):
                    wanted = _keys(numbers_of(service))
                    made: Revisions = []
                    refused = await self._take(sorted(wanted - has), _owner(service), made)
                    if refused is None:
                        async with self._written(service, sorted(has - wanted), made):
                            yield
                        return
                shun(refused)
                service.CopyFrom(asked)
        raise internal("failed to allocate what the service asks for: others were quicker")

    async def _take(self, keys: list[bytes], owner: Owner, made: Revisions) -> bytes | None:
        """Claim all of them, or none and return the one that another has. Raises StoreError."""
        try:
            for key in keys:
                taken = await self._take_one(key, owner)
                if taken is None:
                    await self._keys.give_back(made)
                    return key
                revision, new = taken
                if new:
                    made.append((key, revision))
        except StoreError:
            await self._keys.give_back(made)
            raise
        return None

    async def _take_one(self, key: bytes, owner: Owner) -> tuple[int, bool] | None:
        taken = await self._keys.take(key, owner)
        if taken is not None:
            return taken
        old = await self._keys.old(key)
        if old is None or await self._bears_out(key, old[0]):
            return None
        await self._keys.give_back([(key, old[1])])
        return await self._keys.take(key, owner)

    @asynccontextmanager
    async def _written(
        self, service: Service, dropped: list[bytes], made: Revisions
    ) -> AsyncIterator[None]:
        """Surround the write: give back what it does not leave the service with."""
        owner = _owner(service)
        try:
            # Known before the write: who claims one of them anew after it, keeps it.
            gone = [(key, await self._keys.mine(key, owner)) for key in dropped]
            yield
        except (asyncio.CancelledError, UnknownOutcomeError):
            raise  # the write may yet go through: what it was given is left over at worst
        except BaseException:
            await self._keys.give_back(made)
            raise
        await self._keys.give_back([each for each in gone if each[1]])

    @asynccontextmanager
    async def _left(self, service: Service) -> AsyncIterator[None]:
        owner = _owner(service)
        keys = sorted(_keys(numbers_of(service)))
        gone = [(key, await self._keys.mine(key, owner)) for key in keys]
        yield
        await self._keys.give_back([each for each in gone if each[1]])

    async def _bears_out(self, key: bytes, claim: Claim) -> bool:
        """Tell whether the service that a claim is for has the number, by the store itself."""
        owner = claim.owner
        entry = await self._cache.store.get(SERVICES.key(owner.namespace, owner.name))
        if entry is None:
            return False
        _kind, bare = self._cache.codec.unwrap(entry.value)
        service = self._cache.codec.decode_bare(Service, bare)
        return service.metadata.uid == owner.uid and key in _keys(numbers_of(service))


def _owner(service: Service) -> Owner:
    meta = service.metadata
    return Owner(meta.uid, meta.namespace, meta.name)


def _keys(numbers: Numbers) -> set[bytes]:
    return {address_key(each) for each in numbers.addresses} | {
        port_key(each) for each in numbers.ports
    }
