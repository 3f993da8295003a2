"""TTLs by etcd's leases. Events share theirs; every other key has one of its own.

A real API server does the same, whose keys with a TTL are the Events: a lease that is asked for
3600 s is granted for 3660, and given to every Event of the next minute, up to a thousand of them.
So keys live as long as asked, and up to a twentieth or ``REUSE_S_MAX`` longer, and thousands of
Events cost a few leases. Keys that are not Events (API servers' own leases) end when they should.
Leases are left to run out: revoking one would delete its keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

from serialization.api.etcd import rpc_pb2 as rpc
from storage.clock import Clock
from storage.errors import LeaseNotFoundError, StoreError
from storage.remote.etcd3.failures import CallError, write_refusal
from storage.remote.etcd3.link import Link
from storage.remote.etcd3.rpc import GRANT

SHARED_UNDER: Final = b"/registry/events/"
REUSE_S_MAX: Final = 60
REUSE_SHARE: Final = 20
"""For how long a shared lease is given to new keys: so much, or this part of its TTL if less."""

KEYS_MAX: Final = 1000
"""How many keys share a lease at most: etcd deletes them in one go."""


class _Shared:
    """A lease that is given to new keys until then, or being granted for them."""

    __slots__ = ("grant", "until_ns", "uses")

    def __init__(self, grant: asyncio.Future[int], until_ns: int) -> None:
        self.grant = grant
        self.until_ns = until_ns
        self.uses = 0

    def is_lease(self, lease_id: int) -> bool:
        """Tell whether it has been granted under this id."""
        grant = self.grant
        return grant.done() and grant.exception() is None and grant.result() == lease_id


class TtlLeases:
    """Grants the leases that stand for TTLs."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self.granted = 0
        self._link = link
        self._clock = clock
        self._shared: dict[int, _Shared] = {}
        """By TTL in seconds."""

    async def attach(
        self, key: bytes, ttl_s: int, write: Callable[[int], Coroutine[object, object, int]]
    ) -> int:
        """Write with a lease; one that has died under us is granted anew, once."""
        lease_id = await self._lease(key, ttl_s)
        try:
            return await write(lease_id)
        except LeaseNotFoundError:
            shared = self._shared.get(ttl_s)
            if shared is not None and shared.is_lease(lease_id):
                del self._shared[ttl_s]
        return await write(await self._lease(key, ttl_s))

    async def _lease(self, key: bytes, ttl_s: int) -> int:
        reuse_s = min(ttl_s // REUSE_SHARE, REUSE_S_MAX)
        if not reuse_s or not key.startswith(SHARED_UNDER):
            return await self._grant(ttl_s)
        now_ns = self._clock.stamp_ns()
        shared = self._shared.get(ttl_s)
        if shared is None or now_ns >= shared.until_ns or shared.uses >= KEYS_MAX:
            grant = asyncio.ensure_future(self._grant(ttl_s + reuse_s))
            shared = self._shared[ttl_s] = _Shared(grant, now_ns + reuse_s * 10**9)
        shared.uses += 1
        try:
            return await asyncio.shield(shared.grant)
        except StoreError:
            if self._shared.get(ttl_s) is shared:
                del self._shared[ttl_s]
            raise

    async def _grant(self, ttl_s: int) -> int:
        # A lease that was granted though no answer came runs out by itself: asking again is safe.
        try:
            answer = await self._link.read(GRANT, rpc.LeaseGrantRequest(TTL=ttl_s))
        except CallError as error:
            raise write_refusal(error) from error
        self.granted += 1
        return answer.ID
