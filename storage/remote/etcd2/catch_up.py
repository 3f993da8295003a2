"""Replays etcd's history to the watches that begin further back than the feed remembers.

How it works. A *replay* polls etcd's history, index by index, over all keys. It serves every late
watch that was added before it began (``storage.remote.late``).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

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
from storage.remote.late import LateWatches

_log = logging.getLogger(__name__)

REPLAY_S: Final = 5.0
"""A replay that is told nothing for so long asks another endpoint."""


class CatchUp:
    """Replays, one after another."""

    def __init__(self, link: Link, keys: KeySpace, feed: Feed, late: LateWatches) -> None:
        self.replays = 0
        self._link = link
        self._keys = keys
        self._feed = feed
        self._late = late

    async def run(self) -> None:
        """Replay, one after another, until cancelled."""
        while True:
            await self._late.wanted.wait()
            self._take_new()
            self.replays += 1
            await self._replay()

    def _take_new(self) -> None:
        """Let the new ones run, and end those that want what is known to be gone."""
        self._late.take_new()
        self._late.end_before(self._feed.compacted)
        self._late.end_after(self._feed.last)

    async def _replay(self) -> None:
        pause_s = PAUSE_S
        late = self._late
        while late:
            index = self._link.rotation.current
            reading = Reading(self._keys, late.position)
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
                late.end_before(max(error.oldest - 1, reading.position + 1))
            except DirectoryGoneError as error:
                late.end_before(error.index)
            self._take_new()

    async def _follow(self, reading: Reading) -> None:
        polls = await self._link.polls()
        try:
            while self._late:
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
        self._late.take(reading.read(texts).changes, reading.position)
        if reading.position <= self._feed.last:  # else the feed may have begun anew, further back
            self._late.advance(reading.position)

    async def _event(self, exchange: Exchange) -> bytes:
        """Return a poll's event; where there is none, one is made, so that all polls are told."""
        await asyncio.wait([exchange.answer], timeout=QUIET_S)
        if not exchange.answer.done():
            self._feed.want_mark()
        return (await event_of(exchange))[0]
