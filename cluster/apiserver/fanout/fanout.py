"""The fan-out: all groups and streams of one API server, and the flush that serves them."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from cluster.apiserver.asgi import Receive, Scope, Send
from cluster.apiserver.fanout.asgi import AsgiWriter
from cluster.apiserver.fanout.config import FanoutConfig, WatchWrite
from cluster.apiserver.fanout.group import FrameMemo, Group, GroupKey
from cluster.apiserver.fanout.pacer import Pacer
from cluster.apiserver.fanout.stream import End, Stream
from cluster.apiserver.fanout.transport import TransportWriter, lender_of
from cluster.apiserver.fanout.writer import StreamWriter
from cluster.apiserver.views.interface import View
from storage.clock import Clock
from storage.watchcache.resource import ResourceCache
from storage.watchcache.selection import Selection

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class FanoutCounters:
    """Numbers that only grow, but for the gauges ``streams`` and ``groups`` of the Fanout."""

    opened: Counter[str] = field(default_factory=Counter)
    """Streams by the way they were written: ``transport``, ``asgi``."""
    ended: Counter[End] = field(default_factory=Counter)
    flushes: int = 0
    events_sent: int = 0
    """Events times the watchers that they went to, live ones only."""

    def flat(self) -> dict[str, int]:
        """Return all of them under the names that ``--stats`` and /metrics use."""
        numbers = {"watch_flushes": self.flushes, "watch_events_sent": self.events_sent}
        numbers.update({f"watch_opened_{way}": n for way, n in self.opened.items()})
        numbers.update({f"watch_ended_{end.name.lower()}": n for end, n in self.ended.items()})
        numbers["watch_terminated"] = self.ended[End.SLOW]
        return numbers


class Fanout:
    """Groups of watchers, flushed together. Belongs to one loop."""

    def __init__(self, config: FanoutConfig, clock: Clock, random: Random) -> None:
        self.config = config
        self.clock = clock
        self.counters = FanoutCounters()
        self._random = random
        self._groups: dict[GroupKey, Group] = {}
        self._dirty: dict[Group, None] = {}
        self._streams: dict[Stream, None] = {}
        self._pacer = Pacer(self._flush, clock, cap_s=config.pace_cap_s)
        self._stopping = False

    @property
    def streams(self) -> int:
        """How many watches are being served."""
        return len(self._streams)

    @property
    def groups(self) -> int:
        """How many groups they make."""
        return len(self._groups)

    def open(self, stream: Stream, scope: Scope, receive: Receive, send: Send) -> StreamWriter:
        """Return the writer that a new stream uses, and count the stream until ``closed``."""
        self._streams[stream] = None
        if self._stopping:
            stream.stopping()
        limit = self.config.buffer_max_bytes
        lender = lender_of(scope)
        if lender is None or self.config.watch_write is WatchWrite.ASGI:
            self.counters.opened["asgi"] += 1
            return AsgiWriter(receive, send, stream, limit, lender)
        self.counters.opened["transport"] += 1
        return TransportWriter(lender, stream, limit)

    def closed(self, stream: Stream, end: End) -> None:
        """Count a stream's end."""
        self._streams.pop(stream, None)
        self.counters.ended[end] += 1

    def join(self, stream: Stream, cache: ResourceCache, selection: Selection, view: View) -> Group:
        """Make a stream, which knows everything up to the newest revision, part of its group."""
        key = GroupKey(cache.resource.message, selection, view.key)
        group = self._groups.get(key)
        if group is None or group.over:
            group = self._groups[key] = Group(key, cache, view, became_dirty=self._became_dirty)
        group.join(stream)
        if stream.bookmarks and group.bookmark_timer is None:
            self._time_bookmark(group)
        return group

    def leave(self, stream: Stream, group: Group) -> None:
        """Take a stream out of its group; the last one closes it."""
        group.leave(stream)
        if not group.members and self._groups.get(group.key) is group:
            group.close()
            del self._groups[group.key]
            self._dirty.pop(group, None)

    def shut_down(self) -> None:
        """End every stream, and every one that still comes: the server is about to stop."""
        self._stopping = True
        for stream in list(self._streams):
            stream.stopping()

    def timeout_s(self) -> float:
        """Draw how long a watch lasts that does not say."""
        shortest = self.config.timeout_min_s
        return self._random.uniform(shortest, 2 * shortest)

    def _became_dirty(self, group: Group) -> None:
        self._dirty[group] = None
        self._pacer.request()

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, {}
        memo: FrameMemo = {}
        self.counters.flushes += 1
        for group in dirty:
            try:
                self.counters.events_sent += group.flush(memo)
            except Exception as error:  # noqa: BLE001  whatever it is, the others go on
                _fail(group, error)

    def _time_bookmark(self, group: Group) -> None:
        period = self.config.bookmark_period_s * self._random.uniform(0.75, 1.25)
        group.bookmark_timer = asyncio.get_running_loop().call_later(period, self._bookmark, group)

    def _bookmark(self, group: Group) -> None:
        group.bookmark_timer = None
        self._dirty.pop(group, None)
        try:
            group.bookmark({})
        except Exception as error:  # noqa: BLE001  as above
            _fail(group, error)
            return
        if any(stream.bookmarks for stream in group.members):
            self._time_bookmark(group)


def _fail(group: Group, error: Exception) -> None:
    """End a group: its members would miss an event without knowing, so they start again."""
    kind, view = group.key.kind, group.key.view
    logger.error("an event of %s cannot be told as %s", kind, view, exc_info=error)
    group.ended(None)
