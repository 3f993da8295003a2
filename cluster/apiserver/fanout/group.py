"""Watchers that want the same: one subscription, one framed chunk for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import NamedTuple

from cluster.apiserver.fanout.chunk import Chunk
from cluster.apiserver.fanout.stream import Stream
from cluster.apiserver.views.interface import View
from storage.errors import StoreError
from storage.watchcache.events import WatchEvent
from storage.watchcache.objects import CachedObject
from storage.watchcache.resource import ResourceCache
from storage.watchcache.selection import Selection

FrameMemo = dict[tuple[int, str, Hashable], tuple[CachedObject, bytes]]
"""Frames of one flush by the object's id, type and view: several groups often see the same event.
The object stands beside its frame so that its id is not used again meanwhile."""


class GroupKey(NamedTuple):
    """What the members of a group have in common."""

    kind: type
    """The resource's message class: unlike the Resource, it hashes at once."""
    selection: Selection
    view: Hashable
    """The key of their view."""


class Group:
    """The members of one (resource, selection, view), and the events that they are to get.

    A member that joins while events wait has been told of those already (they are in the history
    that it was brought up to date from): it skips that many of the next flush.
    """

    def __init__(
        self,
        key: GroupKey,
        cache: ResourceCache,
        view: View,
        *,
        became_dirty: Callable[[Group], None],
    ) -> None:
        self.key = key
        self.members: dict[Stream, int] = {}
        """Each with how many of the waiting events it skips."""
        self.over = False
        """Nothing comes any more: it takes no new members."""
        self.bookmark_timer: asyncio.TimerHandle | None = None
        self._cache = cache
        self._view = view
        self._view_key = key.view
        self._waiting: list[WatchEvent] = []
        self._became_dirty = became_dirty
        self._subscription = cache.subscribe(key.selection, self)

    def join(self, stream: Stream) -> None:
        """Add a watcher that knows everything up to the newest applied revision."""
        self.members[stream] = len(self._waiting)

    def leave(self, stream: Stream) -> None:
        """Remove a watcher; it may have gone already."""
        self.members.pop(stream, None)

    def close(self) -> None:
        """End the subscription, once the last member has left."""
        self._subscription.cancel()
        if self.bookmark_timer is not None:
            self.bookmark_timer.cancel()
            self.bookmark_timer = None  # it leads back here: a circle

    def notify(self, event: WatchEvent) -> None:
        """Take an event from the cache; it is written with the next flush."""
        if not self._waiting:
            self._became_dirty(self)
        self._waiting.append(event)

    def ended(self, error: StoreError | None) -> None:
        """Take the subscription's end: every member's stream ends, and its client lists again."""
        self.over = True
        self.close()
        for stream in list(self.members):
            stream.stopping()

    def flush(self, memo: FrameMemo) -> int:
        """Write what waits to every member; return how many events went out in all. Hot."""
        events, self._waiting = self._waiting, []
        if not events or not self.members:
            return 0
        if not self._cache.encode_once:
            return self._flush_apart(events)
        frames = [self._frame(event, memo) for event in events]
        chunk = Chunk(b"".join(frames))
        sent = 0
        for stream, skip in list(self.members.items()):  # an overflow takes a member out
            if not skip:
                stream.write(chunk)
                sent += len(frames)
                continue
            self.members[stream] = 0
            if skip < len(frames):
                stream.write(Chunk(b"".join(frames[skip:])))
                sent += len(frames) - skip
        return sent

    def _flush_apart(self, events: list[WatchEvent]) -> int:
        """Write to each member what is encoded for it alone: the ablation of ``encode_once``."""
        sent = 0
        for stream, skip in list(self.members.items()):
            self.members[stream] = 0
            frames = [self._view.frame(event) for event in events[skip:]]
            if frames:
                stream.write(Chunk(b"".join(frames)))
                sent += len(frames)
        return sent

    def bookmark(self, memo: FrameMemo) -> None:
        """Tell the members that asked for it how far they are; what waits goes out first."""
        self.flush(memo)
        wanting = [stream for stream in self.members if stream.bookmarks]
        if not wanting:
            return
        chunk = Chunk(self._view.bookmark(self._cache.revision))
        for stream in wanting:
            stream.write(chunk)

    def farewell(self, stream: Stream, *, bookmark: bool) -> None:
        """Write what still waits for a stream that ends, and how far it then is."""
        skip = self.members.pop(stream, None)
        if skip is None:
            return
        frames = [self._frame(event, {}) for event in self._waiting[skip:]]
        if bookmark and stream.bookmarks and not self.over:  # else the cache may be further
            frames.append(self._view.bookmark(self._cache.revision))
        if frames:
            stream.write(Chunk(b"".join(frames)))

    def _frame(self, event: WatchEvent, memo: FrameMemo) -> bytes:
        key = (id(event.object), event.type, self._view_key)
        found = memo.get(key)
        if found is None:
            found = memo[key] = event.object, self._view.frame(event)
        return found[1]
