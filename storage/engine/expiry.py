"""Which keys end by themselves, and when. Pure: time is an argument."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from storage.engine.backend import Lease

SLACK = 1024
"""Stale heap entries that are tolerated beyond twice the leases, before the heap is rebuilt."""


class Expiry:
    """A heap of deadlines over the keys' present leases; replaced ones are skipped, then purged."""

    def __init__(self, leases: Iterable[Lease] = ()) -> None:
        self._leases: dict[bytes, Lease] = {}
        self._heap: list[tuple[int, int, bytes]] = []
        for lease in leases:
            self.grant(lease)

    def __len__(self) -> int:
        return len(self._leases)

    def grant(self, lease: Lease) -> None:
        """Let the lease hold for its key, instead of any before."""
        self._leases[lease.key] = lease
        heapq.heappush(self._heap, (lease.deadline_ms, lease.revision, lease.key))
        if len(self._heap) > 2 * len(self._leases) + SLACK:
            self._heap = [(x.deadline_ms, x.revision, x.key) for x in self._leases.values()]
            heapq.heapify(self._heap)

    def forget(self, key: bytes) -> None:
        """The key was deleted, or written without a TTL."""
        self._leases.pop(key, None)

    def next_ms(self) -> int | None:
        """Return the earliest deadline, or None."""
        self._skip_stale()
        return self._heap[0][0] if self._heap else None

    def due(self, now_ms: int, limit: int) -> list[Lease]:
        """Take out up to ``limit`` leases whose deadline has come, earliest first."""
        ended: list[Lease] = []
        while len(ended) < limit:
            self._skip_stale()
            if not self._heap or self._heap[0][0] > now_ms:
                break
            key = heapq.heappop(self._heap)[2]
            ended.append(self._leases.pop(key))
        return ended

    def _skip_stale(self) -> None:
        heap, leases = self._heap, self._leases
        while heap:
            lease = leases.get(heap[0][2])
            if lease is not None and lease.revision == heap[0][1]:
                return
            heapq.heappop(heap)
