"""TTLs by etcd's leases. Events share theirs; every other key has one of its own.

A real API server does the same for all of its keys with a TTL, which are the Events: a lease that
is asked for 3600 s is granted for 3660, and given to every Event of the next minute. So keys live
up to ``REUSE_S`` longer than asked, and thousands of Events cost one lease. Keys that are not
Events (API servers' own leases) end when they should. Leases are left to run out: revoking one
would delete its keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final, NamedTuple

from serialization.api.etcd import rpc_pb2 as rpc
from storage.clock import Clock
from storage.errors import LeaseNotFoundError
from storage.remote.etcd3.failures import CallError, write_refusal
from storage.remote.etcd3.link import Link
from storage.remote.etcd3.rpc import GRANT

SHARED_UNDER: Final = b"/registry/events/"
REUSE_S: Final = 60
"""For how long a shared lease is given to new keys."""

KEYS_MAX: Final = 1000
"""How many keys share a lease at most: etcd deletes them in one go."""


class Shared(NamedTuple):
    """A lease that is given to new keys."""

    lease_id: int
    until_ns: int


class TtlLeases:
    """Grants the leases that stand for TTLs."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self.granted = 0
        self._link = link
        self._clock = clock
        self._shared: dict[int, asyncio.Future[Shared]] = {}
        """By TTL in seconds."""
        self._uses: dict[int, int] = {}

    async def attach(
        self, key: bytes, ttl_s: int, write: Callable[[int], Coroutine[object, object, int]]
    ) -> int:
        """Write with a lease; one that has died under us is granted anew, once."""
        lease_id = await self._lease(key, ttl_s)
        try:
            return await write(lease_id)
        except LeaseNotFoundError:
            self._forget(ttl_s, lease_id)
        return await write(await self._lease(key, ttl_s))

    async def _lease(self, key: bytes, ttl_s: int) -> int:
        if not key.startswith(SHARED_UNDER):
            return await self._grant(ttl_s)
        while True:
            asked = self._shared.get(ttl_s)
            if asked is None:
                self._uses[ttl_s] = 0
                asked = self._shared[ttl_s] = asyncio.ensure_future(self._grant_shared(ttl_s))
            try:
                shared = await asyncio.shield(asked)
            except BaseException:
                if asked.done() and self._shared.get(ttl_s) is asked:
                    del self._shared[ttl_s]
                raise
            if self._clock.stamp_ns() < shared.until_ns and self._uses[ttl_s] < KEYS_MAX:
                self._uses[ttl_s] += 1
                return shared.lease_id
            if self._shared.get(ttl_s) is asked:
                del self._shared[ttl_s]

    async def _grant_shared(self, ttl_s: int) -> Shared:
        begun_ns = self._clock.stamp_ns()
        return Shared(await self._grant(ttl_s + REUSE_S), begun_ns + REUSE_S * 10**9)

    async def _grant(self, ttl_s: int) -> int:
        # A lease that was granted though no answer came runs out by itself: asking again is safe.
        try:
            answer = await self._link.read(GRANT, rpc.LeaseGrantRequest(TTL=ttl_s))
        except CallError as error:
            raise write_refusal(error) from error
        self.granted += 1
        return answer.ID

    def _forget(self, ttl_s: int, lease_id: int) -> None:
        asked = self._shared.get(ttl_s)
        if asked is not None and asked.done() and asked.result().lease_id == lease_id:
            del self._shared[ttl_s]
