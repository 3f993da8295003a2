"""Replays etcd's history to the watches that begin further back than the feed remembers.

How it works. A *replay* is an etcd watch over the whole key space. It serves every late watch that
was added before it began (``storage.remote.late``).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from serialization.api.etcd import rpc_pb2 as rpc
from storage.engine.reads import HISTORY_PAGE
from storage.errors import CompactedError, HistoryLostError
from storage.records import Change
from storage.remote.etcd3.failures import COMPACTED, FUTURE, CallError
from storage.remote.etcd3.feed import Feed
from storage.remote.etcd3.keys import ALL, KeySpace
from storage.remote.etcd3.link import PAUSE_MAX_S, PAUSE_S, Link
from storage.remote.etcd3.rpc import RANGE
from storage.remote.etcd3.watching import WholeRevisions
from storage.remote.late import LateWatches

_log = logging.getLogger(__name__)

QUIET_S: Final = 5.0
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

    async def _replay(self) -> None:
        pause_s = PAUSE_S
        late = self._late
        while late:
            stream, index = self._link.watch()
            watching = WholeRevisions(stream, late.position, self._link)
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
                self._feed.compacted = max(self._feed.compacted, error.compacted)
            except HistoryLostError as error:
                late.end_all(error)
            finally:
                stream.cancel()
            self._take_new()

    async def _follow(self, watching: WholeRevisions) -> None:
        async with asyncio.timeout(QUIET_S):
            await watching.begin()
        await self._check_kept(watching.after)
        while self._late:
            async with asyncio.timeout(QUIET_S):
                events = await watching.read()
            if events:
                await self._tell(list(self._keys.changes(events)), watching.after)

    async def _check_kept(self, after: int) -> None:
        """Check that everything after a revision is still there. Raises CallError, StoreError.

        Of one that etcd does not have yet its watch says nothing: it waits.
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
            self._late.take(changes[start:stop], changes[stop - 1].revision)
            start = stop
            await asyncio.sleep(0)
        self._late.advance(upto)
