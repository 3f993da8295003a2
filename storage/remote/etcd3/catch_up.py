"""Watches that begin further back than the feed remembers: replayed from etcd until they join it.

How it works. A *replay* is an etcd watch over the whole key space (only so can it be known how far
it has come: one over a prefix tells nothing after the prefix's last change). It serves every
watcher that was added before it began, so that the watch caches of an API server that starts share
one; each takes what is under its prefix and after its own position. When a replay has come to where
the feed's memory begins, its watchers join the feed's hub, which tells them the rest. One that is
told from there more slowly than new changes push out old ones is replayed again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from serialization.api.etcd import rpc_pb2 as rpc
from storage.engine.reads import HISTORY_PAGE
from storage.errors import CompactedError, HistoryLostError, StoreError
from storage.interface import Watcher
from storage.records import Change
from storage.remote.etcd3.failures import COMPACTED, FUTURE, CallError
from storage.remote.etcd3.feed import Feed
from storage.remote.etcd3.keys import ALL, KeySpace
from storage.remote.etcd3.link import PAUSE_MAX_S, PAUSE_S, Link
from storage.remote.etcd3.rpc import RANGE
from storage.remote.etcd3.watching import WholeRevisions
from storage.remote.late import LateWatch

_log = logging.getLogger(__name__)

QUIET_S: Final = 5.0
"""A replay that is told nothing for so long asks another endpoint."""


class CatchUp:
    """All watches that are being replayed."""

    def __init__(self, link: Link, keys: KeySpace, feed: Feed) -> None:
        self.replays = 0
        self._link = link
        self._keys = keys
        self._feed = feed
        self._new: list[LateWatch] = []
        self._running: list[LateWatch] = []
        self._wanted = asyncio.Event()

    def add(self, prefix: bytes, watcher: Watcher, after: int) -> LateWatch:
        """Start a watch after a revision in the past."""
        watch = LateWatch(prefix, watcher, after, self._replay_next)
        if after >= self._feed.ring.floor:
            self._join(watch)
        else:
            self._replay_next(watch)
        return watch

    def _replay_next(self, watch: LateWatch) -> None:
        self._new.append(watch)
        self._wanted.set()

    def _join(self, watch: LateWatch) -> None:
        watch.joined = self._feed.hub.add(watch.prefix, watch, watch.position)

    async def run(self) -> None:
        """Replay, one after another, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._take_new()
            self.replays += 1
            await self._replay()

    def close(self, error: StoreError) -> None:
        """End all."""
        for watch in self._running + self._new:
            if watch.joined is None:
                watch.end(error)
        self._running, self._new = [], []

    def _take_new(self) -> None:
        """Let the new ones run, and end those that want what is known to be gone."""
        self._running = [watch for watch in self._running + self._new if watch.live]
        self._new = []
        self._end_compacted(self._feed.compacted)

    async def _replay(self) -> None:
        pause_s = PAUSE_S
        while self._running:
            stream, index = self._link.watch()
            first = min(watch.position for watch in self._running)
            watching = WholeRevisions(stream, first, self._link)
            begun = watching.after
            try:
                await self._follow(watching)
            except CallError as error:
                _log.info("replay from %s ended: %s", self._link.endpoint, error)
                self._link.turn(index)
                await self._link.recover(error)
                pause_s = PAUSE_S if watching.after > begun else min(2 * pause_s, PAUSE_MAX_S)
                await asyncio.sleep(pause_s)
            except TimeoutError:
                self._link.turn(index)
            except CompactedError as error:
                self._end_compacted(error.compacted)
            except HistoryLostError as error:
                self._end_all(error)
            finally:
                stream.cancel()
            self._take_new()

    async def _follow(self, watching: WholeRevisions) -> None:
        async with asyncio.timeout(QUIET_S):
            await watching.begin()
        await self._check_kept(watching.after)
        while self._running:
            async with asyncio.timeout(QUIET_S):
                events = await watching.read()
            if events:
                await self._tell(list(self._keys.changes(events)), watching.after)

    async def _check_kept(self, after: int) -> None:
        """Check that everything after a revision is still there. Raises CallError, StoreError.

        etcd's watch does not tell: it ends with "compacted" only where its first revision is below
        the compact revision, and at that one a delete is gone, too.
        """
        request = rpc.RangeRequest(key=ALL, limit=1, count_only=True, revision=after)
        try:
            await self._link.read(RANGE, request)
        except CallError as error:
            if COMPACTED in error.details:
                raise CompactedError(after, after + 1) from error
            if FUTURE in error.details:  # it was there once
                raise HistoryLostError(after, 0) from error
            raise

    async def _tell(self, changes: list[Change], upto: int) -> None:
        """Tell a piece of history, a page a turn of the loop, then let join who can."""
        start = 0
        while start < len(changes):
            stop = min(start + HISTORY_PAGE, len(changes))
            while stop < len(changes) and changes[stop].revision == changes[stop - 1].revision:
                stop += 1
            for watch in self._running:
                watch.take(changes[start:stop], changes[stop - 1].revision)
            start = stop
            await asyncio.sleep(0)
        for watch in self._running:
            watch.position = max(watch.position, upto)
        self._join_who_can()

    def _join_who_can(self) -> None:
        floor, staying = self._feed.ring.floor, []
        for watch in self._running:
            if watch.live and watch.position >= floor:
                watch.mark()
                if watch.live:
                    self._join(watch)
            elif watch.live:
                staying.append(watch)
        self._running = staying

    def _end_compacted(self, oldest: int) -> None:
        compacted = self._feed.compacted = max(self._feed.compacted, oldest)
        ended = [watch for watch in self._running if watch.position < compacted]
        self._running = [watch for watch in self._running if watch.position >= compacted]
        for watch in ended:
            watch.end(CompactedError(watch.position, compacted))

    def _end_all(self, error: StoreError) -> None:
        ended, self._running = self._running, []
        for watch in ended:
            watch.end(error)
