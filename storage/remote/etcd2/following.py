"""One watch of etcd 2 over everything, as long as one endpoint tells it: polls, then a stream.

How it works. A watch of etcd 2 that begins in the past is told one event, the first there is, and a
stream that was begun so is silent ever after. It is live only if nothing happened between its
``waitIndex`` and the present; its head tells the present (``X-Etcd-Index``). So a stream is begun
at a ``waitIndex`` that lies in the *future*, a few indexes ahead where much is written: from there
on it tells everything. What lies between the last event told and there is fetched by plain polls,
each for one index, many of them written at once on a connection of their own (a poll tells the
first event at or after its index, so hidden changes are passed over; events come in their order).
Meanwhile the stream's events wait here. When the polls have come to where the stream begins, what
waits is told, and then each event in the step of the loop that receives it.

    told so far 50; etcd is at 57      stream from 74 on: its head says 58, so it is live
    polls 51, 52, ... 58               told at once; then single ones, which wait for what comes
    poll 73 tells 73                   the stream has told 74 and 75 meanwhile: these are next

etcd forgets a stream whose receiver is a hundred events behind (it has that much room for each,
beside what the connection holds), and a real one says nothing more to it and does not end it. Who
follows finds that out (see ``feed``), and follows anew: nothing is lost by that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import orjson

from storage.etcd2.errors import Code
from storage.records import Change
from storage.remote.etcd2.failures import CallError, RefusedError, refusal, unanswered, unwell
from storage.remote.etcd2.keys import DirectoryGoneError, Event, KeySpace, ends
from storage.remote.etcd2.link import CLUSTER, Link, Polls, index_of
from storage.remote.http1.connection import Answer, Exchange
from storage.remote.http1.failures import Fault, HttpError

PIPELINED: Final = 32
"""Polls that are written at once: 16 of a real etcd took 0.5 ms together, and 2 ms one by one."""

AHEAD: Final = 16
"""So far ahead of the newest known index a stream begins where the one before it has broken."""

AHEAD_MAX: Final = 2048
HELD_MAX: Final = 4096
"""Events of a stream that wait for the polls to come so far."""

UNREADABLE: Final = "the watch tells something that is no event"


class IndexClearedError(Exception):
    """etcd's history no longer goes back to what was asked for; it begins at ``oldest``."""

    def __init__(self, oldest: int, index: int) -> None:
        super().__init__(f"the history begins at {oldest}")
        self.oldest = oldest
        self.index = index
        """The store's index when it said so."""


class Told:
    """Events in their order: how far they go, and what of them concerns a key space."""

    __slots__ = ("changes", "ending", "index")

    def __init__(self, index: int, changes: list[Change], ending: list[bytes]) -> None:
        self.index = index
        self.changes = changes
        self.ending = ending
        """The keys of those changes that give their key a TTL."""


Take = Callable[[Told], None]


class Counters:
    """How often what has happened."""

    def __init__(self) -> None:
        self.polls = 0
        self.streams = 0
        """That became live."""
        self.streams_too_late = 0
        """That began in the past, and were begun again further ahead."""
        self.streams_broken = 0
        """Live ones that ended, by etcd's doing or with their connection."""
        self.cleared = 0
        """How often etcd's history did not go back far enough for the feed."""
        self.marks = 0
        """Keys written to prove that a watch has told everything."""


class Reading:
    """Events, read for a key space, from a position on: none is passed on twice."""

    def __init__(self, keys: KeySpace, position: int) -> None:
        self.position = position
        """Everything up to here has been read."""
        self._keys = keys

    def read(self, texts: Sequence[bytes]) -> Told:
        """Return what these events tell. Raises CallError, DirectoryGoneError."""
        position, changes = self.position, list[Change]()
        ending = list[bytes]()
        try:
            for text in texts:
                event: Event = orjson.loads(text)
                index = event["node"]["modifiedIndex"]
                if index <= position:
                    continue
                change = self._keys.change(event)
                position = index
                if change is not None:
                    changes.append(change)
                    if ends(event):
                        ending.append(change.key)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CallError(UNREADABLE, Fault.BROKEN) from None
        self.position = position
        return Told(position, changes, ending)


class Stream:
    """What a stream tells: held until ``pass_on``, then passed on. As ``http1.Sink``."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self.index = 0
        """The store's index when it began."""
        self.cluster = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Also set, to what was raised, where who is told cannot take it."""
        self._on_end = on_end
        self._rest = b""
        self._held: list[bytes] = []
        self._take: Callable[[Sequence[bytes]], None] | None = None

    def begun(self, head: Answer) -> None:
        self.index = index_of(head)
        self.cluster = head.headers.get(CLUSTER, b"")

    def take(self, piece: bytes) -> None:
        if self._rest:
            piece = self._rest + piece
        *whole, self._rest = piece.split(b"\n")
        if not whole or self.ended.done():
            return
        if self._take is not None:
            self._pass(whole)
            return
        self._held += whole
        if len(self._held) > HELD_MAX:
            self._end(CallError("more events wait than there is room for", Fault.BROKEN))

    def over(self, error: HttpError | None) -> None:
        self._end(None if error is None else unanswered(error))

    def pass_on(self, take: Callable[[Sequence[bytes]], None]) -> None:
        """Pass on what has been held, and all that comes."""
        self._take = take
        held, self._held = self._held, []
        if held:
            self._pass(held)

    def _pass(self, whole: list[bytes]) -> None:
        assert self._take is not None
        try:
            self._take([line for line in whole if line])
        except (CallError, DirectoryGoneError) as error:
            self._end(error)

    def _end(self, error: Exception | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)
            self.ended.exception()  # who follows is told; if none does, nobody need be
        self._on_end()


def poll_path(index: int) -> bytes:
    """Return the request of a poll for the first event at or after an index."""
    return b"/v2/keys/?wait=true&recursive=true&waitIndex=%d" % index


async def polled(counters: Counters, polls: Polls, first: int, last: int) -> list[Exchange]:
    """Send the polls for these indexes."""
    counters.polls += last - first + 1
    return polls.ask([poll_path(index) for index in range(first, last + 1)])


async def event_of(exchange: Exchange) -> tuple[bytes, int]:
    """Wait for a poll; return its event, and the store's index. Raises as ``Following.run``."""
    try:
        answer = await exchange.answer
    except HttpError as error:
        raise unanswered(error) from None
    if answer.status == 200:
        if not answer.body.strip():  # so etcd ends what it ends unasked
            raise CallError("a poll has ended without an event", Fault.BROKEN)
        return answer.body, index_of(answer)
    raise fault_of(answer)


def fault_of(answer: Answer) -> CallError | IndexClearedError | RefusedError:
    """Return what it means that a watch is refused."""
    if answer.status >= 500:
        return unwell(answer)
    told = refusal(answer)
    if told.code == Code.EVENT_INDEX_CLEARED:
        oldest = told.cause.partition("[")[2].partition("/")[0]
        return IndexClearedError(int(oldest) if oldest.isdigit() else told.index, told.index)
    return told


class Following:
    """One go at following everything after a position."""

    def __init__(
        self, link: Link, keys: KeySpace, counters: Counters, take: Take, position: int
    ) -> None:
        self.live = False
        self._link = link
        self._counters = counters
        self._take = take
        self._reading = Reading(keys, position)
        self._polls: Polls | None = None

    async def run(
        self, newest: int, ahead: int, check: Callable[[Stream], Awaitable[None]]
    ) -> None:
        """Tell everything; return when the server ends its stream. ``newest``: a known index.

        ``check`` is asked whether the stream that has begun is one of the same store.
        Raises CallError, RefusedError, IndexClearedError, DirectoryGoneError.
        """
        stream, exchange, first = await self._begin(newest, ahead)
        try:
            await check(stream)
            await self._fill(first, max(newest, stream.index), stream)
            self.live = True
            self._counters.streams += 1
            stream.pass_on(self._pass)
            await stream.ended
        finally:
            if self.live:
                self._counters.streams_broken += 1
            self.live = False
            exchange.connection.close(HttpError(Fault.BROKEN, "the watch has ended"))

    async def _begin(self, newest: int, ahead: int) -> tuple[Stream, Exchange, int]:
        """Begin a stream in the future; return it, and where it begins."""
        while True:
            first = max(newest, self._reading.position) + 1 + ahead
            stream = Stream(self._stop_polls)
            path = b"/v2/keys/?wait=true&recursive=true&stream=true&waitIndex=%d" % first
            exchange = await self._link.stream(path, stream)
            if not exchange.begun:
                exchange.connection.close(HttpError(Fault.BROKEN, "no stream"))
                raise fault_of(exchange.answer.result())
            if stream.index < first:
                return stream, exchange, first
            exchange.connection.close(HttpError(Fault.BROKEN, "it began in the past"))
            self._counters.streams_too_late += 1
            newest = stream.index
            ahead = min(2 * ahead + AHEAD, AHEAD_MAX)

    async def _fill(self, first: int, newest: int, stream: Stream) -> None:
        """Tell what lies before ``first`` by polls."""
        reading = self._reading
        if reading.position + 1 >= first:
            return
        polls = self._polls = await self._link.polls()
        try:
            while reading.position + 1 < first:
                if stream.ended.done():
                    stream.ended.result()
                    raise CallError("the stream has ended before it was caught up", Fault.BROKEN)
                begin = reading.position + 1
                upto = min(first - 1, max(newest, begin), begin + PIPELINED - 1)
                asked = await polled(self._counters, polls, begin, upto)
                newest = max(newest, await self._take_polls(asked, first))
        finally:
            self._polls = None
            polls.close()

    async def _take_polls(self, asked: list[Exchange], first: int) -> int:
        """Take the answers to polls, up to what the stream tells; return the newest index."""
        newest, texts = 0, list[bytes]()
        for number, exchange in enumerate(asked):
            text, index = await event_of(exchange)
            newest = max(newest, index)
            texts.append(text)
            if number + 1 < len(asked) and asked[number + 1].answer.done():
                continue
            self._pass(texts)
            texts = []
            if self._reading.position >= first:
                break  # nothing else before it; the stream has told this, too
        return newest

    def _pass(self, texts: Sequence[bytes]) -> None:
        before = self._reading.position
        told = self._reading.read(texts)
        if told.index > before:
            self._take(told)

    def _stop_polls(self) -> None:
        if self._polls is not None:
            self._polls.close()
