"""Leases as objects: granted for a time, kept alive, with keys that end with them.

How it works. What is durable of a lease is its id and its TTL, and in the row of each attached key
the id, where a key with a TTL of its own has its deadline. Deadlines live in memory: a lease that
is found when the store opens has its whole TTL before it, as etcd's have after a change of leader,
so nobody loses a lease by a restart that kept it from renewing. When a lease ends, by revocation or
by time, its keys are deleted in one group, then the lease is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from storage.engine.backend import LEASE_ID_MAX, Lease
from storage.engine.expiry import Expiry
from storage.errors import LeaseExistsError, LeaseNotFoundError
from storage.records import LeaseStatus


class Lessor:
    """The leases, their deadlines and their keys. Pure: time is an argument."""

    def __init__(self, granted: Iterable[tuple[int, int]], now_ms: int, random: Random) -> None:
        self._random = random
        self._ttl_s: dict[int, int] = {}
        self._keys: dict[int, dict[bytes, None]] = {}
        self._lease_of: dict[bytes, int] = {}
        self._deadlines_ms: dict[int, int] = {}
        self._expiry = Expiry()
        self._renewals = 0
        for lease_id, ttl_s in granted:
            self.grant(lease_id, ttl_s, now_ms)

    def __len__(self) -> int:
        return len(self._ttl_s)

    def __contains__(self, lease_id: int) -> bool:
        return lease_id in self._ttl_s

    def table(self) -> tuple[tuple[int, int], ...]:
        """Return all leases as (id, ttl_s), in the order of their grants."""
        return tuple(self._ttl_s.items())

    def free_id(self, wanted: int) -> int:
        """Return ``wanted``, or any free id if it is 0. Raises LeaseExistsError.

        Random ones, as etcd's: a client that still holds the id of a lease that has ended must not
        keep another's alive.
        """
        if wanted in self._ttl_s:
            raise LeaseExistsError(wanted)
        while not wanted or wanted in self._ttl_s:
            wanted = self._random.randint(1, LEASE_ID_MAX)
        return wanted

    def grant(self, lease_id: int, ttl_s: int, now_ms: int) -> None:
        """Let a lease begin."""
        self._ttl_s[lease_id] = ttl_s
        self._keys.setdefault(lease_id, {})
        self.renew(lease_id, now_ms)

    def renew(self, lease_id: int, now_ms: int) -> int:
        """Let it begin anew; return its TTL in seconds. Raises LeaseNotFoundError."""
        ttl_s = self._find(lease_id)
        self._renewals += 1
        deadline_ms = now_ms + 1000 * ttl_s
        self._deadlines_ms[lease_id] = deadline_ms
        self._expiry.grant(Lease(b"%d" % lease_id, self._renewals, deadline_ms))
        return ttl_s

    def forget(self, lease_id: int) -> None:
        """It has ended, and its keys are gone."""
        del self._ttl_s[lease_id], self._deadlines_ms[lease_id]
        for key in self._keys.pop(lease_id):
            self._lease_of.pop(key, None)
        self._expiry.forget(b"%d" % lease_id)

    def attach(self, lease_id: int, key: bytes) -> None:
        """The key was written with this lease, instead of any before."""
        self.detach(key)
        self._lease_of[key] = lease_id
        self._keys.setdefault(lease_id, {})[key] = None

    def detach(self, key: bytes) -> None:
        """The key was deleted, or written without a lease."""
        lease_id = self._lease_of.pop(key, None)
        if lease_id is not None:
            self._keys[lease_id].pop(key, None)

    def keys(self, lease_id: int) -> list[bytes]:
        """Return its keys, sorted. Raises LeaseNotFoundError."""
        self._find(lease_id)
        return sorted(self._keys[lease_id])

    def status(self, lease_id: int, now_ms: int) -> LeaseStatus:
        """Return what is to be known of it. Raises LeaseNotFoundError."""
        ttl_s = self._find(lease_id)
        left_ms = max(0, self._deadlines_ms[lease_id] - now_ms)
        return LeaseStatus(lease_id, ttl_s, left_ms, tuple(self.keys(lease_id)))

    def next_ms(self) -> int | None:
        """Return the earliest deadline, or None."""
        return self._expiry.next_ms()

    def due(self, now_ms: int, limit: int) -> list[int]:
        """Return up to ``limit`` leases whose time is over; each is told once."""
        return [int(lease.key) for lease in self._expiry.due(now_ms, limit)]

    def again(self, lease_id: int, due_ms: int) -> None:
        """It could not be ended: let it be due again."""
        self._renewals += 1
        self._expiry.grant(Lease(b"%d" % lease_id, self._renewals, due_ms))

    def _find(self, lease_id: int) -> int:
        ttl_s = self._ttl_s.get(lease_id)
        if ttl_s is None:
            raise LeaseNotFoundError(lease_id)
        return ttl_s
