"""Watches that begin further back than the feed remembers: replayed from etcd until they join it.

How it works. A *replay* polls etcd's history, index by index, over all keys (only so can it be
known how far it has come). It serves every watcher that was added before it began, so that the
watch caches of an API server that starts share one; each takes what is under its prefix and after
its own position. When it has come to where the feed's memory begins, they join the feed's hub.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from storage.errors import CompactedError, HistoryLostError, StoreError
from storage.interface import Watcher
from storage.records import Change
from storage.remote.etcd2.failures import CallError, RefusedError
from storage.remote.etcd2.feed import QUIET_S, Feed
from storage.remote.etcd2.following import (
    PIPELINED,
    IndexClearedError,
    Reading,
    event_of,
    polled,
)
from storage.remote.etcd2.keys import DirectoryGoneError, KeySpace
from storage.remote.etcd2.link import PAUSE_MAX_S, PAUSE_S, Link, Polls
from storage.remote.http1.connection import Exchange
from storage.remote.late import LateWatch

_log = logging.getLogger(__name__)

REPLAY_S: Final = 5.0
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
        self._end_before(self._feed.compacted)
        last = self._feed.last
        lost = [watch for watch in self._running if watch.position > last]
        self._running = [watch for watch in self._running if watch.position <= last]
        for watch in lost:  # it was there once
            watch.end(HistoryLostError(watch.position, last))

    async def _replay(self) -> None:
        pause_s = PAUSE_S
        while self._running:
            index = self._link.rotation.current
            reading = Reading(self._keys, min(watch.position for watch in self._running))
            begun = reading.position
            try:
                await self._follow(reading)
            except (CallError, RefusedError) as error:
                _log.info("replay from %s ended: %s", self._link.endpoint, error)
                self._link.rotation.turn(index)
                pause_s = PAUSE_S if reading.position > begun else min(2 * pause_s, PAUSE_MAX_S)
                await asyncio.sleep(pause_s)
            except TimeoutError:
                self._link.rotation.turn(index)
            except IndexClearedError as error:
                self._end_before(max(error.oldest - 1, reading.position + 1))
            except DirectoryGoneError as error:
                self._end_before(error.index)
            self._take_new()

    async def _follow(self, reading: Reading) -> None:
        polls = await self._link.polls()
        try:
            while self._running:
                await self._take_polls(polls, reading)
        finally:
            polls.close()

    async def _take_polls(self, polls: Polls, reading: Reading) -> None:
        """Tell what a row of polls is told, then let join who can."""
        begin = reading.position + 1
        upto = min(max(self._feed.ring.floor, begin), begin + PIPELINED - 1)
        texts = list[bytes]()
        for exchange in await polled(self._feed.counters, polls, begin, upto):
            async with asyncio.timeout(REPLAY_S):
                texts.append(await self._event(exchange))
        self._tell(reading.read(texts).changes, reading.position)

    async def _event(self, exchange: Exchange) -> bytes:
        """Return a poll's event; where there is none, one is made, so that all polls are told."""
        await asyncio.wait([exchange.answer], timeout=QUIET_S)
        if not exchange.answer.done():
            self._feed.want_mark()
        return (await event_of(exchange))[0]

    def _tell(self, changes: list[Change], upto: int) -> None:
        for watch in self._running:
            watch.take(changes, upto)
            watch.position = max(watch.position, upto)
        floor, staying = self._feed.ring.floor, []
        for watch in self._running:
            if watch.live and floor <= watch.position <= self._feed.last:
                watch.mark()
                if watch.live:
                    self._join(watch)
            elif watch.live:
                staying.append(watch)
        self._running = staying

    def _end_before(self, oldest: int) -> None:
        ended = [watch for watch in self._running if watch.position < oldest]
        self._running = [watch for watch in self._running if watch.position >= oldest]
        for watch in ended:
            watch.end(CompactedError(watch.position, oldest))
