"""Changes as the cache sees them, what a selection makes of them, and their bounded history."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from storage.errors import CompactedError
from storage.watchcache.config import HISTORY_BYTES
from storage.watchcache.objects import CachedObject
from storage.watchcache.selection import Predicate


class EventType(StrEnum):
    """The types of watch events."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"
    ERROR = "ERROR"


_ENTERS, _STAYS, _LEAVES = EventType.ADDED, EventType.MODIFIED, EventType.DELETED


class WatchEvent(NamedTuple):
    """A change as one selection sees it."""

    type: EventType
    object: CachedObject
    """For DELETED the last state that was selected, at the revision of the change."""


class Replay(NamedTuple):
    """A piece of history as one selection saw it."""

    events: list[WatchEvent]
    revision: int
    """How far it reaches."""
    complete: bool
    """There is no more: ``revision`` is the newest."""


class CacheEvent:
    """One change: the state after it (None: deleted) and the state before it (None: created)."""

    __slots__ = ("_tombstone", "object", "previous", "revision", "size")

    def __init__(
        self, revision: int, obj: CachedObject | None, previous: CachedObject | None
    ) -> None:
        told = obj if obj is not None else previous
        assert told is not None, "an event is about something"
        self.revision = revision
        self.object = obj
        self.previous = previous
        self.size = told.size
        """Of the state that it left, or of what it deleted, in bytes as stored."""
        self._tombstone: CachedObject | None = None

    @property
    def tombstone(self) -> CachedObject:
        """The state before, at this change's revision; one for all who see a deletion."""
        if self._tombstone is None:
            assert self.previous is not None, "a creation leaves nothing behind"
            self._tombstone = self.previous.at_revision(self.revision)
        return self._tombstone

    def seen_by(self, selects: Predicate) -> WatchEvent | None:
        """Return what a watcher of this selection is told, or None.

        Entering the selection is ADDED, staying in it MODIFIED, leaving it DELETED.
        """
        if selects.always:
            return self.crossing(before=self.previous is not None, after=self.object is not None)
        return self.crossing(
            before=self.previous is not None and selects(self.previous),
            after=self.object is not None and selects(self.object),
        )

    def crossing(self, *, before: bool, after: bool) -> WatchEvent | None:
        """Return the event of a selection that has the state before, and after, or not."""
        if after:
            assert self.object is not None, "no state after a deletion"
            return WatchEvent(_STAYS if before else _ENTERS, self.object)
        return WatchEvent(_LEAVES, self.tombstone) if before else None


def _revision(event: CacheEvent) -> int:
    return event.revision


class EventRing:
    """The newest events of a resource, in revision order, bounded in number and in bytes.

    ``floor`` says how far back it reaches: every event above it is here. The oldest go a quarter
    of the bound at a time, so appending costs the same however full it is. An event counts with
    the state that it left, as it was stored: of consecutive states each is held once. What readers
    had encoded in another codec comes on top.
    """

    def __init__(self, capacity: int, floor: int, bytes_max: int = HISTORY_BYTES) -> None:
        self._capacity = capacity
        self._slack = max(capacity // 4, 1)
        self._bytes_max = bytes_max
        self._events: list[CacheEvent] = []
        self.bytes_held = 0
        """Sum of the sizes of its events."""
        self.floor = floor
        self._floor_shared = False
        """Several of the events that have gone were at the floor."""

    def __len__(self) -> int:
        return len(self._events)

    @property
    def newest(self) -> CacheEvent | None:
        """The last event, or None where nothing has happened."""
        return self._events[-1] if self._events else None

    def append(self, event: CacheEvent) -> None:
        """Add the next event; the oldest go when there are more than capacity and a quarter."""
        assert event.revision >= (self._events[-1].revision if self._events else self.floor)
        self._events.append(event)
        self.bytes_held += event.size
        if len(self._events) > self._capacity + self._slack:
            self._drop(self._slack)
        if self.bytes_held > self._bytes_max:
            self._drop_bytes(self.bytes_held - self._bytes_max * 3 // 4)

    def forget(self, revision: int) -> None:
        """Begin anew behind ``revision``, which is not below that of any event here."""
        self._events.clear()
        self.bytes_held = 0
        self.floor = revision
        self._floor_shared = False

    def since(self, revision: int, limit: int) -> list[CacheEvent]:
        """Return about ``limit`` events above ``revision``, oldest first.

        The events of one revision stay together. Raises CompactedError where some are gone.
        """
        if revision < self.floor:
            raise CompactedError(revision, self.floor)
        events = self._events
        if not events or revision >= events[-1].revision:
            return []
        start = bisect_right(events, revision, key=_revision)
        found = list(islice(events, start, start + limit))
        end = start + len(found)
        while end < len(events) and events[end].revision == found[-1].revision:
            found.append(events[end])
            end += 1
        return found

    def before(self, revision: int) -> int:
        """Return where one begins who may have been told only some of the events at ``revision``.

        Raises CompactedError where these are gone.
        """
        if revision == self.floor and self._floor_shared:
            raise CompactedError(revision, self.floor + 1)
        start = bisect_left(self._events, revision, key=_revision)
        shared = start + 1 < len(self._events) and self._events[start + 1].revision == revision
        return revision - 1 if shared else revision

    def _drop(self, count: int) -> None:
        last = self._events[count - 1].revision
        while count < len(self._events) and self._events[count].revision == last:
            count += 1
        self.floor = last
        self._floor_shared = count > 1 and self._events[count - 2].revision == last
        self.bytes_held -= sum(event.size for event in self._events[:count])
        del self._events[:count]

    def _drop_bytes(self, excess: int) -> None:
        """Drop the oldest events until so many bytes have gone; the newest one stays."""
        count = 0
        while excess > 0 and count < len(self._events) - 1:
            excess -= self._events[count].size
            count += 1
        if count:
            self._drop(count)
