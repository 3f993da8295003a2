"""Watches that begin further back than their feed remembers, told by whoever replays that to them.

How it works. There is one replay at a time, for all of them. It asks for the whole key space (only
so can it be known how far it has come), from where the one that is furthest back has come to; each
watch takes what is under its prefix and after its own position. New ones wait for the next replay,
so that the watch caches of an API server that starts share one. A watch that has come to where the
feed's memory begins joins the feed's hub, which tells it the rest. One that is told from there more
slowly than new changes push out old ones is replayed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from storage.engine.watch_hub import WatchHub
from storage.errors import CompactedError, HistoryLostError, StoreError
from storage.interface import Watch, Watcher
from storage.records import Batch, Change
from storage.remote.ring import OutrunError, Ring


class LateWatch:
    """A watch that began in the past; once it has joined the feed, ``joined`` is its watch there.

    ``position`` is the revision up to which it has come; its watcher has been told of ``told``.
    """

    __slots__ = ("_outrun", "joined", "live", "position", "prefix", "told", "watcher")

    def __init__(
        self, prefix: bytes, watcher: Watcher, after: int, outrun: Callable[[LateWatch], None]
    ) -> None:
        self.prefix = prefix
        self.watcher = watcher
        self.position = self.told = after
        self.live = True
        self.joined: Watch | None = None
        self._outrun = outrun

    def cancel(self) -> None:
        """End it: nothing is delivered after this returns. Idempotent."""
        self.live = False
        if self.joined is not None:
            self.joined.cancel()

    def deliver(self, batch: Batch) -> None:
        """Take what the feed tells (``storage.interface.Watcher``)."""
        self.position = self.told = batch.revision
        self.watcher.deliver(batch)

    def closed(self, error: StoreError) -> None:
        """Take the end of its watch at the feed: of itself, or of its page in recent history."""
        self.joined = None
        if isinstance(error, OutrunError):
            self._outrun(self)
        else:
            self.end(error)

    def end(self, error: StoreError) -> None:
        """Tell the watcher that it has ended."""
        if self.live:
            self.live = False
            self.watcher.closed(error)

    def take(self, changes: list[Change], upto: int) -> None:
        """Tell the watcher what concerns it."""
        position, prefix = self.position, self.prefix
        own = [c for c in changes if c.revision > position and c.key.startswith(prefix)]
        if upto <= position or not self.live:
            return
        self.position = upto
        if own:
            self.told = upto
            self.watcher.deliver(Batch(upto, tuple(own)))

    def mark(self) -> None:
        """Tell the watcher that it has come so far: of a quiet prefix nothing else would tell."""
        if self.told < self.position:
            self.told = self.position
            self.watcher.deliver(Batch(self.position, ()))


class Remembering(Protocol):
    """A feed, as far as late watches need one."""

    hub: WatchHub
    ring: Ring


class LateWatches:
    """All watches that are being replayed, and those that wait for the next replay."""

    def __init__(self, feed: Remembering) -> None:
        self.wanted = asyncio.Event()
        """Set while there are new ones."""
        self._feed = feed
        self._new: list[LateWatch] = []
        self._running: list[LateWatch] = []

    def __bool__(self) -> bool:
        """Tell whether there is somebody to replay to."""
        return bool(self._running)

    @property
    def position(self) -> int:
        """Where a replay has to begin; there must be somebody to replay to."""
        return min(watch.position for watch in self._running)

    def add(self, prefix: bytes, watcher: Watcher, after: int) -> LateWatch:
        """Start a watch after a revision in the past."""
        watch = LateWatch(prefix, watcher, after, self._replay_next)
        if after >= self._feed.ring.floor:
            self._join(watch)
        else:
            self._replay_next(watch)
        return watch

    def take_new(self) -> None:
        """Let the new ones run, and forget those that were cancelled."""
        self.wanted.clear()
        self._running = [watch for watch in self._running + self._new if watch.live]
        self._new = []

    def take(self, changes: list[Change], upto: int) -> None:
        """Tell a piece of history, which goes up to a revision."""
        for watch in self._running:
            watch.take(changes, upto)

    def advance(self, upto: int) -> None:
        """Everything up to this revision has been told; let join who can."""
        floor, staying = self._feed.ring.floor, []
        for watch in self._running:
            watch.position = max(watch.position, upto)
            if watch.live and watch.position >= floor:
                watch.mark()
                if watch.live:
                    self._join(watch)
            elif watch.live:
                staying.append(watch)
        self._running = staying

    def end_before(self, oldest: int) -> None:
        """End those that want what is older than what is kept."""
        self._end(
            lambda watch: watch.position < oldest,
            lambda watch: CompactedError(watch.position, oldest),
        )

    def end_after(self, newest: int) -> None:
        """End those that were told once what is not there any more."""
        self._end(
            lambda watch: watch.position > newest,
            lambda watch: HistoryLostError(watch.position, newest),
        )

    def end_all(self, error: StoreError) -> None:
        """End those that are replayed."""
        self._end(lambda _: True, lambda _: error)

    def close(self, error: StoreError) -> None:
        """End all, those that are new, too."""
        self.take_new()
        self.end_all(error)

    def _end(
        self, which: Callable[[LateWatch], bool], why: Callable[[LateWatch], StoreError]
    ) -> None:
        ended = [watch for watch in self._running if which(watch)]
        self._running = [watch for watch in self._running if not which(watch)]
        for watch in ended:
            watch.end(why(watch))

    def _replay_next(self, watch: LateWatch) -> None:
        self._new.append(watch)
        self.wanted.set()

    def _join(self, watch: LateWatch) -> None:
        watch.joined = self._feed.hub.add(watch.prefix, watch, watch.position)
