"""The one watch over everything, and all that hangs on it.

How it works. ``Following`` tells every change of every key, in order; what it has told is the
store's *applied* revision. What is told together is one step of the loop: recent history, recent
states, the watchers (through the engines' own hub), then the writes whose indexes it covers. So an
acknowledged write has been delivered to every watch, and is in the watch cache.

When the stream ends another one goes on after the last event: nothing is missed and nothing told
twice. Where etcd's history, of a thousand events over all keys, no longer goes back so far (401),
or a whole directory was removed, which etcd tells as one event, every watcher is closed with
CompactedError, and the feed goes on from the present. So it does, with HistoryLostError and a line
in the log, where etcd was restored from an older state.

**How far it has come.** The index also counts what no watch from above is told (hidden keys, the
members). And a stream may be dead: a real etcd has room for a hundred events of each; where they
are not taken in time it forgets the stream, without ending it. So where etcd has answered a later
index and nothing is told for ``QUIET_S``, a key of our own is written: its event comes after
everything before it, so when it is told, all has been seen. Where nothing comes in ``QUIET_S`` more
another stream is begun, and polls tell what there was. If nothing comes then either, the member may
hang: after ``SILENT_S`` another one is asked. Where nothing happens at all, the member is asked for
its index every ``IDLE_S``, and now and then all members are.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from storage.engine.ledger import RecentStates
from storage.engine.watch_hub import WatchHub
from storage.errors import CompactedError, HistoryLostError, StoreError
from storage.etcd2.model import HISTORY_EVENTS
from storage.records import Change, KeyValue
from storage.remote.answers import Answers
from storage.remote.etcd2.failures import CallError, RefusedError
from storage.remote.etcd2.following import (
    AHEAD,
    Counters,
    Following,
    IndexClearedError,
    Stream,
    Told,
    event_of,
    fault_of,
    polled,
)
from storage.remote.etcd2.keys import ENDS, MARK, ROOT, DirectoryGoneError, KeySpace
from storage.remote.etcd2.link import CALL_S, CLUSTER, PAUSE_MAX_S, PAUSE_S, Link, index_of
from storage.remote.etcd2.sizes import Sizes
from storage.remote.ring import Ring

_log = logging.getLogger(__name__)

QUIET_S: Final = 0.25
SILENT_S: Final = 3.0
IDLE_S: Final = 1.0
QUORUM_EVERY: Final = 5
"""Of so many questions for the index one goes to all members: that is a write to their disks."""
SILENCES_MAX: Final = 4
"""After so many in a row, writes that etcd has taken wait no longer for the watch to tell them."""

MARK_PATH: Final = (ROOT + MARK).encode()
INDEX_PATH: Final = MARK_PATH + b"?quorum=true"
"""A read through etcd's log of a key that is small, or is not there."""


class Feed:
    """Feeds watches and waiting writes from etcd's watch."""

    def __init__(self, link: Link, keys: KeySpace) -> None:
        self.last = 0
        """The applied revision: everything up to it has been told."""
        self.counters = Counters()
        self.recent = RecentStates()
        self.sizes = Sizes()
        self.ring = Ring(0)
        self._link = link
        self._keys = keys
        self._oldest = 0
        """What is known of how far back etcd's history goes."""
        self._cluster = b""
        self._following: Following | None = None
        self._going: asyncio.Timeout | None = None
        """Of the watch that is followed, or being begun."""
        self._answers = Answers()
        self._expected = 0
        """The newest index that etcd has answered."""
        self._silence: asyncio.TimerHandle | None = None
        self._quiet = 0
        """For how many ``QUIET_S`` nothing has been told."""
        self._stays = False
        """Whether the same endpoint is to be asked, where ``leave`` was called."""
        self._silences = 0
        self._mark_wanted = asyncio.Event()
        link.rotation.on_turn(self.leave)
        self.hub = WatchHub(asyncio.get_running_loop(), self, self._history, lambda: self.compacted)

    @property
    def compacted(self) -> int:
        """The oldest revision that a watch may resume after."""
        return max(self._oldest, self.last - HISTORY_EVENTS)

    async def begin(self) -> None:
        """Find etcd's present index, where the feed starts. Raises CallError, RefusedError."""
        answer = await self._link.read(INDEX_PATH)
        if answer.status not in (200, 404) or not index_of(answer):
            raise fault_of(answer)
        self._cluster = answer.headers.get(CLUSTER, b"")
        self.last = self._expected = index_of(answer)
        self.ring.clear(self.last)
        self.sizes.forget()

    async def open(self) -> None:
        """Find etcd's present index, and how far back its history goes. Raises as ``begin``."""
        loop = asyncio.get_running_loop()
        deadline, pause_s = loop.time() + CALL_S, PAUSE_S
        while True:
            await self.begin()
            index = self._link.rotation.current
            try:
                await self._find_oldest()
            except CallError as error:
                if not error.passing or loop.time() + pause_s >= deadline:
                    raise
                self._link.rotation.turn(index)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_MAX_S)
            else:
                break
        await self.begin()

    async def _find_oldest(self) -> None:
        """Find how far back etcd's history goes: what a poll from the beginning is told.

        Where it is told nothing, nothing that could be told has ever happened, until a mark is
        written. Raises CallError, RefusedError.
        """
        polls = await self._link.polls()
        try:
            (exchange,) = await polled(self.counters, polls, 1, 1)
            await asyncio.wait([exchange.answer], timeout=QUIET_S)
            if not exchange.answer.done():
                await self._write_mark()
            async with asyncio.timeout(SILENT_S):
                await event_of(exchange)
        except IndexClearedError as error:
            self._oldest = error.oldest - 1
        except TimeoutError:
            raise CallError("the watch tells nothing") from None
        finally:
            polls.close()

    async def run(self) -> None:
        """Feed until cancelled."""
        pause_s, ahead = PAUSE_S, 0
        while True:
            before, index = self.last, self._link.rotation.current
            following = Following(self._link, self._keys, self.counters, self._take, self.last)
            self._stays = False
            try:
                await self._follow(following, ahead)
            except (CallError, RefusedError) as error:
                _log.info("watch of %s ended: %s", self._link.endpoint, error)
                self._link.rotation.turn(index)
            except TimeoutError:
                if not self._stays:
                    self._link.rotation.turn(index)
            except IndexClearedError as error:
                self.counters.cleared += 1
                await self._begin_anew(CompactedError(self.last, max(error.index, error.oldest)))
            except DirectoryGoneError as error:
                await self._begin_anew(CompactedError(self.last, error.index))
            except HistoryLostError as error:
                await self._begin_anew(error)
            ahead = AHEAD
            if self.last > before:
                pause_s = PAUSE_S  # at once: what is missed meanwhile is missed for good
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def _follow(self, following: Following, ahead: int) -> None:
        async with asyncio.timeout(None) as going:
            self._following, self._going = following, going
            try:
                newest = max(self._expected, self.last)
                await following.run(newest, ahead, self._check_same)
            finally:
                self._following = self._going = None

    async def keep_marking(self) -> None:
        """Write the key that proves how far the watch has come, when asked to, until cancelled."""
        questions = 0
        while True:
            before = self.last
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._mark_wanted.wait()
            except TimeoutError:
                if self.last == before:
                    questions += 1
                    await self._ask_after(quorum=questions % QUORUM_EVERY == 0)
                continue
            self._mark_wanted.clear()
            try:
                await self._write_mark()
            except (CallError, RefusedError) as error:
                _log.info("no mark at %s: %s", self._link.endpoint, error)

    async def _ask_after(self, *, quorum: bool) -> None:
        """Ask whether something has happened of which the watch tells nothing."""
        before = self.last
        try:
            answer = await self._link.read(INDEX_PATH if quorum else MARK_PATH)
        except (CallError, RefusedError):
            return
        if quorum:
            self.heard(before, index_of(answer))
        else:
            self.expect(index_of(answer))

    async def _write_mark(self) -> None:
        self.counters.marks += 1
        answer = await self._link.put(MARK_PATH + b"?noValueOnSuccess=true", b"value=seen")
        if answer.status not in (200, 201):
            raise fault_of(answer)
        self.expect(index_of(answer))

    def want_mark(self) -> None:
        """Have the key written that proves how far a watch has come."""
        self._mark_wanted.set()

    def heard(self, before: int, index: int) -> None:
        """Etcd's members agree on this index (0: they tell none); ``before`` was told till then."""
        if 0 < index < before:
            self.leave()  # who follows anew finds what has happened to this etcd
        else:
            self.expect(index)

    def acknowledge(self, future: asyncio.Future[int], revision: int) -> None:
        """Answer a write with its revision once that has been told."""
        if revision > self.last:
            self._answers.wait(future, revision, None)
            self.expect(revision)
        elif not future.done():
            future.set_result(revision)

    def fail(self, future: asyncio.Future[int], error: StoreError, revision: int) -> None:
        """Fail a write once the ``revision`` by which it was judged has been told."""
        if revision > self.last:
            self._answers.wait(future, revision, error)
            self.expect(revision)
        elif not future.done():
            future.set_exception(error)

    def expect(self, revision: int) -> None:
        """Etcd has answered this index, so the watch is to come so far soon."""
        self._expected = max(self._expected, revision)
        if revision > self.last and self._silence is None:
            self._listen()

    def leave(self) -> None:
        """Begin another watch, at the present endpoint, in place of the one that is followed."""
        if self._going is not None:
            self._going.reschedule(asyncio.get_running_loop().time())
            self._going = None

    def close(self, error: StoreError) -> None:
        """End all watches, and the writes that still wait."""
        if self._silence is not None:
            self._silence.cancel()
        self.hub.close(error)
        self._answers.give_up("closed before the write was told")

    async def _check_same(self, stream: Stream) -> None:
        """Check that this is the etcd that told ``last``. Raises HistoryLostError, CallError.

        A member may lag behind, so only what all of them have agreed on proves anything. A proxy
        may leave out of which cluster it is.
        """
        current = stream.index
        if stream.cluster in (b"", self._cluster):
            before = self.last
            if current < before:
                current = index_of(await self._link.read(INDEX_PATH))
            if current >= before:
                return
        raise HistoryLostError(self.last, current)

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + QUIET_S
        self._silence = loop.call_at(due, self._judge_silence, self.last, due)

    def _judge_silence(self, before: int, due: float) -> None:
        self._silence = None
        if self.last >= self._expected:
            self._quiet = self._silences = 0
            return
        if self.last > before or self._following is None:
            self._quiet = 0
        elif asyncio.get_running_loop().time() - due < QUIET_S / 2:  # else it is we who hung
            self._quiet += 1
            self._doubt(self._quiet)
        self._listen()

    def _doubt(self, quiet: int) -> None:
        """Do what is due where nothing was told for so many ``QUIET_S``."""
        if quiet in (1, 3):
            self.want_mark()
        elif quiet == 2:
            _log.info("a stream of %s is dead at %d", self._link.endpoint, self.last)
            self._stays = True
            self.leave()
        elif quiet * QUIET_S >= SILENT_S:
            _log.info(
                "watch of %s is silent at %d of %d", self._link.endpoint, self.last, self._expected
            )
            self._quiet = 0
            self._silences += 1
            self.leave()
            if self._silences >= SILENCES_MAX:
                self._answers.give_up("etcd has taken the write, but no watch tells it")

    def _take(self, told: Told) -> None:
        changes = told.changes
        if changes:
            self._note(changes, told.ending)
        self.last = told.index
        if changes:
            self.hub.deliver(changes)
        else:
            self.hub.mark()
        if self._answers:
            self._answers.release(told.index)

    def _note(self, changes: list[Change], ending: list[bytes]) -> None:
        states: dict[bytes, KeyValue | None] = {}
        for key, value, at, created, _, version, _ in changes:
            states[key] = None if value is None else KeyValue(key, value, at, created, version)
        for key in ending:
            state = states[key]
            if state is not None:
                states[key] = state._replace(lease=ENDS)
        self.recent.take(states)
        self.ring.extend(changes)
        self.sizes.take(changes)

    async def _begin_anew(self, error: CompactedError | HistoryLostError) -> None:
        """Go on at etcd's present: what lies between is lost to every watcher, and they know."""
        expected = self._expected
        try:
            await self.begin()
        except (CallError, RefusedError):
            return  # the next round finds the same
        _log.error("all watches of %s end: %s", self._link.endpoint, error)
        self.recent = RecentStates()
        if isinstance(error, CompactedError):
            self._oldest = self.last
            self._expected = max(self._expected, expected)
            error = CompactedError(error.revision, self.last)
        else:
            self._oldest = self.last
            self._answers.give_up(str(error))
        self.hub.close(error)
        self._answers.release(self.last)

    def _history(self, prefix: bytes, after: int, upto: int) -> tuple[int, list[Change]]:
        return self.ring.page(prefix, after, upto)
