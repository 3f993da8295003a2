"""Reads of etcd: linearizable Ranges, long ones page by page as of one revision."""

from __future__ import annotations

from typing import Final

from serialization.api.etcd import rpc_pb2 as rpc
from storage.errors import CompactedError, StoreError
from storage.records import KeyValue, Listing
from storage.remote.etcd3.failures import COMPACTED, CallError, read_failure
from storage.remote.etcd3.feed import Feed
from storage.remote.etcd3.keys import ALL, KeySpace
from storage.remote.etcd3.link import Link
from storage.remote.etcd3.rpc import RANGE

PAGE: Final = 1000
"""Keys of one Range: a few milliseconds of etcd's time and of ours."""

LIST_TRIES: Final = 3
"""How often a list of the newest state begins again where its revision was compacted meanwhile."""


class Reader:
    """Reads a key space."""

    def __init__(self, link: Link, keys: KeySpace, feed: Feed) -> None:
        self._link = link
        self._keys = keys
        self._feed = feed

    async def get(self, key: bytes, revision: int) -> KeyValue | None:
        """Return a key's state as of ``revision`` (0: newest)."""
        request = rpc.RangeRequest(key=self._keys.root + key, limit=1, revision=revision)
        answer = await self.range(request)
        return self._keys.state(answer.kvs[0]) if answer.kvs else None

    async def list(self, prefix: bytes, limit: int, after: bytes, revision: int) -> Listing:
        """Return a page of ``limit`` keys, or all, as of ``revision`` (0: newest)."""
        for turn in range(LIST_TRIES):
            try:
                return await self._list(prefix, limit, after, revision)
            except CompactedError:
                if revision or turn == LIST_TRIES - 1:
                    raise
        raise AssertionError("a list is answered or refused")

    async def count(self, prefix: bytes) -> int:
        """Return how many keys stand under ``prefix``."""
        first, end = self._keys.span(prefix)
        request = rpc.RangeRequest(key=first, range_end=end, count_only=True)
        return (await self.range(request)).count

    async def latest_revision(self) -> int:
        """Return etcd's revision as of a moment after this call.

        Every call asks: who reads much lets many reads share a question (``watchcache.freshness``).
        """
        request = rpc.RangeRequest(key=ALL, limit=1, count_only=True)
        latest = (await self.range(request)).header.revision
        self._feed.expect(latest)
        return latest

    async def find_compacted(self) -> int:
        """Return the oldest revision that etcd keeps, found by halving: some twenty Ranges."""
        low, high = self._feed.compacted, self._feed.last
        while low < high:
            middle = (low + high) // 2
            request = rpc.RangeRequest(key=ALL, limit=1, revision=middle, count_only=True)
            try:
                await self.range(request)
            except CompactedError:
                low = middle + 1
            else:
                high = middle
        self._feed.compacted = max(self._feed.compacted, low)
        return low

    async def range(self, request: rpc.RangeRequest) -> rpc.RangeResponse:
        """Ask, and say in the store's terms what went wrong. Raises StoreError."""
        try:
            return await self._link.read(RANGE, request)
        except CallError as error:
            if COMPACTED in error.details:  # so much is known of what others have compacted
                self._feed.compacted = max(self._feed.compacted, request.revision + 1)
            raise self.failure(error, request.revision) from error

    def failure(self, error: CallError, revision: int) -> StoreError:
        """Say what a failed read means."""
        return read_failure(error, revision, self._feed.compacted, self._feed.last)

    async def _list(self, prefix: bytes, limit: int, after: bytes, revision: int) -> Listing:
        first, end = self._keys.span(prefix, after)
        state = self._keys.state
        items: list[KeyValue] = []
        pinned = revision
        while True:
            size = min(PAGE, limit - len(items)) if limit else PAGE
            answer = await self.range(
                rpc.RangeRequest(key=first, range_end=end, limit=size, revision=pinned)
            )
            items += [state(kv) for kv in answer.kvs]
            pinned = pinned or answer.header.revision
            if not answer.more or len(items) == limit:
                return Listing(items, pinned, answer.count - len(answer.kvs))
            first = answer.kvs[-1].key + b"\0"
