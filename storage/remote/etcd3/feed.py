"""The one watch over the whole key space, and everything that hangs on it.

How it works. One etcd watch tells every change of every key, in order; what it has told is the
store's *applied* revision. Each response is one step of the loop: recent history, recent states,
the watchers (through the engines' own hub), then the writes whose revisions it covers. So an
acknowledged write has been delivered to every watch, and is in the watch cache.

When the stream ends it is opened again after the last revision that was told, at the next endpoint:
nothing is missed and nothing told twice. So it is when the link turns to another endpoint, and when
nothing is told for ``SILENT_S`` although etcd has answered a later revision: a member may hang.
If etcd has compacted beyond that meanwhile, every watcher is closed with CompactedError, and the
feed goes on from etcd's present revision. So it does, with HistoryLostError and a line in the log,
where etcd has been restored from an older snapshot: ``last`` goes back then. (Where it has come
further again before the stream was opened, nobody can tell.)
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from serialization.api.etcd import rpc_pb2 as rpc
from storage.engine.ledger import RecentStates
from storage.engine.watch_hub import WatchHub
from storage.errors import CompactedError, HistoryLostError, StoreError
from storage.records import Change, KeyValue
from storage.remote.answers import Answers
from storage.remote.etcd3.failures import CallError
from storage.remote.etcd3.keys import ALL, KeySpace
from storage.remote.etcd3.link import PAUSE_MAX_S, PAUSE_S, Link
from storage.remote.etcd3.rpc import RANGE, Stream
from storage.remote.etcd3.watching import WholeRevisions
from storage.remote.ring import Ring

_log = logging.getLogger(__name__)

CREATED_S: Final = 5.0
"""How long a member may take to answer that a watch has been created."""

SILENT_S: Final = 3.0
"""How long a watch may tell nothing of a revision that is known to be there. etcd's own watches lag
by no more than 0.1 s unless they tell what has piled up, and then they tell without a pause.
"""

SILENCES_MAX: Final = 4
"""After so many in a row, writes that etcd has taken wait no longer for the watch to tell them."""


class Feed:
    """Feeds watches and waiting writes from etcd's watch."""

    def __init__(self, link: Link, keys: KeySpace) -> None:
        self.last = 0
        """The applied revision: everything up to it has been told."""
        self.compacted = 1
        self.resumptions = 0
        self.recent = RecentStates()
        self.ring = Ring(0)
        self._link = link
        self._keys = keys
        self._cluster_id = 0
        self._answers = Answers()
        self._opening: asyncio.Timeout | None = None
        """Of the stream that is being created."""
        self._patience: asyncio.Timeout | None = None
        """Of the stream that is read, once it has been created."""
        self._silence: asyncio.TimerHandle | None = None
        self._silences = 0
        self._expected = 0
        """The newest revision that etcd has answered."""
        link.on_turn(self._follow_turn)
        self.hub = WatchHub(asyncio.get_running_loop(), self, self._history, lambda: self.compacted)

    async def begin(self) -> None:
        """Find etcd's present revision, from which the feed starts. Raises CallError."""
        header = await self._ask()
        self.last = header.revision
        self._cluster_id = header.cluster_id
        self.ring.clear(self.last)

    async def run(self) -> None:
        """Feed until cancelled."""
        pause_s = PAUSE_S
        while True:
            before = self.last
            stream, index = self._link.watch()
            try:
                await self._follow(stream)
            except CallError as error:
                _log.info("watch of %s ended: %s", self._link.endpoint, error)
                self._link.turn(index)
                await self._link.recover(error)
            except TimeoutError:
                self._link.turn(index)
            except (CompactedError, HistoryLostError) as error:
                await self._begin_anew(error)
            finally:
                stream.cancel()
            self.resumptions += 1
            pause_s = PAUSE_S if self.last > before else min(2 * pause_s, PAUSE_MAX_S)
            await asyncio.sleep(pause_s)

    def acknowledge(self, future: asyncio.Future[int], revision: int) -> None:
        """Answer a write with its revision once that has been told."""
        if revision > self.last:
            self._answers.wait(future, revision, None)
            self.expect(revision)
        elif not future.done():
            future.set_result(revision)

    def expect(self, revision: int) -> None:
        """Etcd has answered this revision, so the watch is to tell it soon."""
        self._expected = max(self._expected, revision)
        if revision > self.last and self._silence is None:
            self._listen()

    def fail(self, future: asyncio.Future[int], error: StoreError, revision: int) -> None:
        """Fail a write once the ``revision`` at which it was judged has been told."""
        if revision > self.last:
            self._answers.wait(future, revision, error)
            self.expect(revision)
        elif not future.done():
            future.set_exception(error)

    def close(self, error: StoreError) -> None:
        """End all watches, and the writes that still wait."""
        if self._silence is not None:
            self._silence.cancel()
        self.hub.close(error)
        self._answers.give_up("closed before the write was told")

    async def _follow(self, stream: Stream) -> None:
        watching = WholeRevisions(stream, self.last, self._link)
        try:
            async with asyncio.timeout(CREATED_S) as self._opening:
                header = await watching.begin()
            self._opening = None
            await self._check_same(header)
            async with asyncio.timeout(None) as self._patience:
                while True:
                    events = await watching.read()
                    if events:
                        self._deliver(list(self._keys.changes(events)), watching.after)
        finally:
            self._opening = self._patience = None

    async def _check_same(self, header: rpc.ResponseHeader) -> None:
        """Check that this is the etcd that told ``last``. Raises HistoryLostError, CallError.

        A member may lag behind, so only what all of them have agreed on proves anything. A proxy
        may leave out of which cluster it is.
        """
        current = header.revision
        if header.cluster_id in (0, self._cluster_id):
            if current < self.last:
                current = (await self._ask()).revision
            if current >= self.last:
                return
        raise HistoryLostError(self.last, current)

    def _follow_turn(self) -> None:
        """Leave the endpoint that the link has left, also one that has not answered yet."""
        if self._opening is not None:
            self._opening.reschedule(asyncio.get_running_loop().time())
            self._opening = None
        self._leave()

    def _leave(self) -> None:
        """Open another stream, in place of the one that is read."""
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())
            self._patience = None

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + SILENT_S
        self._silence = loop.call_at(due, self._judge_silence, self.last, due)

    def _judge_silence(self, before: int, due: float) -> None:
        self._silence, expected = None, self._expected
        if self.last > before:
            self._silences = 0
        elif asyncio.get_running_loop().time() - due < SILENT_S / 2:  # else it is we who hung
            _log.info("watch of %s is silent at %d of %d", self._link.endpoint, before, expected)
            self._silences += 1
            self._leave()
            if self._silences >= SILENCES_MAX:
                self._answers.give_up("etcd has taken the write, but no watch tells it")
        if self.last < expected:
            self._listen()

    def _deliver(self, changes: list[Change], revision: int) -> None:
        states: dict[bytes, KeyValue | None] = {}
        for key, value, at, created, _, version, lease in changes:
            states[key] = (
                None if value is None else KeyValue(key, value, at, created, version, lease)
            )
        self.recent.take(states)
        self.ring.extend(changes)
        self.last = revision
        if changes:
            self.hub.deliver(changes)
        else:
            self.hub.mark()
        if self._answers:
            self._answers.release(revision)

    async def _begin_anew(self, error: CompactedError | HistoryLostError) -> None:
        """Go on at etcd's present: what lies between is lost to every watcher, and they know."""
        try:
            await self.begin()
        except CallError:
            return  # the next round finds the same
        _log.error("all watches of %s end: %s", self._link.endpoint, error)
        if isinstance(error, CompactedError):
            self.compacted = max(self.compacted, error.compacted)
        else:
            self.compacted = 1
            self._answers.give_up(str(error))
        self.recent = RecentStates()
        self.hub.close(error)
        self._answers.release(self.last)
        self._expected = self._answers.newest  # not what has been lost

    async def _ask(self) -> rpc.ResponseHeader:
        """Return what etcd's members agree on. Raises CallError."""
        request = rpc.RangeRequest(key=ALL, limit=1, count_only=True)
        return (await self._link.read(RANGE, request)).header

    def _history(self, prefix: bytes, after: int, upto: int) -> tuple[int, list[Change]]:
        return self.ring.page(prefix, after, upto)
