"""How the cache of a resource begins: with the objects that there are, and what led to them.

How it works. The store is listed, as of a revision R; then it is watched, not from R but from as
far back as it has kept its history (and as we want it). What comes up to R has led to what was
listed: it goes into the ring alone, so that watches resume across a restart of the API server.
What comes after R is news: it is applied as ever. The watch has no gap at R, so neither has the
cache. Nobody sees the contents before the watch has come to the present.

    kept history      21 22 23 24 25 26 | 27 28        the list is as of 26; 27 and 28 came since
    ring              21 22 23 24 25 26   27 28
    objects                    as listed + 27 28

The state before a change comes from the change before it of the same key, else from the store. A
store may not know it any more; the ring then begins behind that change.

A store that declares no old revisions is watched first and then listed, whole. Its history is short
and of all keys together: while a large list is read, others' writes may push it past the place
where a watch was to begin, and so again and again. What is told meanwhile waits for the list's end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from storage.errors import CompactedError, StoreClosedError, StoreError
from storage.interface import Store
from storage.records import Batch, Change, KeyValue
from storage.watchcache.config import CacheConfig
from storage.watchcache.contents import Contents
from storage.watchcache.events import CacheEvent, EventRing
from storage.watchcache.fields import FieldSet
from storage.watchcache.intake import Intake
from storage.watchcache.objects import CachedObject

PAGE: Final = 500
"""Objects read in one turn of the loop: 2 ms."""
EARLY_MAX: Final = 100_000
"""Changes that may wait for the end of the list: a minute of a busy store, 200 MB of pods."""


class Opening:
    """Fills contents from a store; takes the watch's batches until the cache takes over."""

    def __init__(self, store: Store, prefix: bytes, intake: Intake, config: CacheConfig) -> None:
        self._store = store
        self._prefix = prefix
        self._intake = intake
        self._config = config
        self._listed = 0
        self._recalled: deque[Change] = deque()
        """The newest changes up to the list, as many as the ring will hold: read only at the end,
        since of a long history most are too old by then."""
        self._recalled_bytes = 0
        self._forgotten = 0
        """The newest revision of those that were too old."""
        self._present = asyncio.Event()
        self._error: StoreError | None = None
        self.since = 0
        """Where the watch is to begin."""
        self._contents: Contents | None = None
        self._early: deque[Batch] | None = None
        """What the watch has told before the end of the list; None where that is over."""
        self._early_changes = 0

    @property
    def contents(self) -> Contents:
        """What has been found so far; complete once ``present`` has returned."""
        assert self._contents is not None, "list first"
        return self._contents

    @property
    def watches_first(self) -> bool:
        """Whether ``reach_back`` is to be called, and the watch begun, before ``list``."""
        return not self._store.capabilities.old_revisions

    def reach_back(self, reach: int, compacted: int = 0) -> None:
        """Choose where a watch begins that comes before the list; arguments as of ``list``."""
        current = self._store.current_revision()
        self._begin_at(current, reach, compacted)
        self._early = deque()

    async def list(self, fields: FieldSet, reach: int, compacted: int = 0) -> None:
        """Read the objects; history is wanted for ``reach`` revisions back. Raises StoreError.

        ``compacted`` is where a watch was told that history begins, if one was.
        """
        contents: Contents | None = None
        async for items, revision in _pages(self._store, self._prefix):
            if contents is None:
                self._listed = revision
                if self._early is None:
                    self._begin_at(revision, reach, compacted)
                ring = EventRing(
                    self._config.history_events, self.since, self._config.history_bytes
                )
                contents = self._contents = Contents(fields, ring)
            if self._error is not None:
                raise self._error
            found = [self._intake.take(item.key, item.value, item.revision) for item in items]
            contents.load([obj for obj in found if obj is not None])
        told = self._take_early()
        if told >= max(self._store.current_revision(), self._listed):
            self._arrived()  # such a watch may be told nothing

    def _begin_at(self, revision: int, reach: int, compacted: int) -> None:
        oldest = max(self._store.oldest_revision(), revision - reach, compacted)
        # A store's watches may be behind its lists: from where they are, they tell more.
        self.since = min(oldest, revision, self._store.current_revision())

    def _take_early(self) -> int:
        """Take what was told before the end of the list; return how far the watch is."""
        told, early = self.since, self._early
        self._early = None
        while early:
            batch = early.popleft()
            told = batch.revision
            self.deliver(batch)
        return told

    async def present(self) -> None:
        """Return once the watch has come to the present. Raises what ended it."""
        await self._present.wait()
        if self._error is not None:
            raise self._error

    def deliver(self, batch: Batch) -> None:
        """Take the next changes."""
        if self._early is not None:
            self._wait_for_list(batch)
            return
        for change in batch.changes:
            if change.revision <= self._listed:
                self._recall(change)
                continue
            if self._recalled or self._forgotten > self.contents.ring.floor:
                self._fill_ring()
            self.contents.apply(change, self._made(change))
        # Not before the list either: what led to it must not be taken for news later on.
        if batch.revision >= max(self._store.current_revision(), self._listed):
            self._arrived()

    def _wait_for_list(self, batch: Batch) -> None:
        assert self._early is not None, "it was seen to be there"
        self._early_changes += len(batch.changes)
        if self._early_changes > EARLY_MAX:
            self.closed(CompactedError(self.since, batch.revision))
        elif self._error is None:
            self._early.append(batch)

    def closed(self, error: StoreError) -> None:
        """Take the end of the watch."""
        self._error = error
        self._present.set()

    def give_up(self) -> None:
        """End it: the cache stops."""
        self.closed(StoreClosedError("the watch cache has stopped"))

    def _arrived(self) -> None:
        self._fill_ring()
        self._present.set()

    def _recall(self, change: Change) -> None:
        """Take note of a change that led to the listed state."""
        recalled = self._recalled
        recalled.append(change)
        self._recalled_bytes += len(change.value or b"")
        while (
            len(recalled) > self._config.history_events
            or self._recalled_bytes > self._config.history_bytes
        ):
            oldest = recalled.popleft()
            self._recalled_bytes -= len(oldest.value or b"")
            self._forgotten = oldest.revision

    def _fill_ring(self) -> None:
        """Turn what has been recalled into events."""
        ring = self.contents.ring
        if self._forgotten > ring.floor:
            ring.forget(self._forgotten)
        before: dict[bytes, CachedObject | None] = {}
        for change in self._recalled:
            if change.revision > ring.floor:  # else its revision has partly been forgotten
                self._put_in_ring(ring, change, before)
        self._recalled.clear()

    def _put_in_ring(
        self, ring: EventRing, change: Change, states: dict[bytes, CachedObject | None]
    ) -> None:
        key = change.key
        known = key in states or change.version == 1 or change.previous is not None
        before = states.get(key)
        if before is None and change.previous is not None:
            before = self._version(key, change.previous.value, change.previous.revision)
        after = None
        if change.value is not None:
            after = self._version(key, change.value, change.revision)
            if after is None:  # no event, see ``Contents.apply``
                states[key] = before
                return
        states[key] = after
        if not known:
            ring.forget(change.revision)
        elif after is not None or before is not None:
            ring.append(CacheEvent(change.revision, after, before))

    def _version(self, key: bytes, value: bytes, revision: int) -> CachedObject | None:
        live = self.contents.objects.get(key)
        if live is not None and live.revision == revision:
            return live
        return self._intake.take(key, value, revision)

    def _made(self, change: Change) -> CachedObject | None:
        if change.value is None:
            return None
        return self._intake.take(change.key, change.value, change.revision)


async def _pages(store: Store, prefix: bytes) -> AsyncIterator[tuple[list[KeyValue], int]]:
    """Yield all keys of a prefix in order, a page at a time, and the revision that they are as of.

    So no more than a page of documents is held beside the objects made of them.
    """
    if not store.capabilities.old_revisions:
        listing = await store.list(prefix)
        yield listing.items[:PAGE], listing.revision
        for begin in range(PAGE, len(listing.items), PAGE):
            await asyncio.sleep(0)
            yield listing.items[begin : begin + PAGE], listing.revision
        return
    listing = await store.list(prefix, limit=PAGE)
    revision = listing.revision
    yield listing.items, revision
    while listing.remaining:
        after = listing.items[-1].key
        await asyncio.sleep(0)
        listing = await store.list(prefix, limit=PAGE, after=after, revision=revision)
        yield listing.items, revision
