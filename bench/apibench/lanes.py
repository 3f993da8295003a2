"""Connections that ask again and again: a closed loop each, or paced together.

Hot path, all of it synchronous: the answer's last byte leads to the next request in the same
callback, with no future and no task between.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from typing import cast

from bench.apibench.answers import AnswerFaultError, AnswerReader
from bench.apibench.endpoint import Endpoint, UnreachableError
from bench.apibench.operations.interface import Work
from serialization.errors import DecodeError
from storage.clock import Clock

CONNECT_S_MAX = 30.0


class Tally:
    """What all lanes count together."""

    def __init__(self, clock: Clock) -> None:
        self.stamp = clock.stamp_ns
        self.latencies = array("q")
        """Nanoseconds, of the answers with 2xx since ``forget``."""
        self.sent: array[int] | None = None
        """Where wanted: when each of them was sent, or due."""
        self.answered = 0
        """All answers, whatever their code, since the beginning."""
        self.received_bytes = 0
        self.failures: Counter[str] = Counter()
        self.first_failure = ""
        self.stopping = False
        self.left = -1
        """How many more requests may be sent; below 0: any number."""
        self.alive = 0
        """Lanes that are connected; without any, nothing is left to be sent."""
        self.busy = 0
        """Lanes with a request under way."""
        self.idle = asyncio.Event()
        """Set when no lane is busy any more."""

    def forget(self) -> None:
        """Begin to count: what was measured so far was warm-up."""
        self.latencies = array("q")
        self.received_bytes = 0
        if self.sent is not None:
            self.sent = array("q")

    def fail(self, what: str, said: str = "") -> None:
        """Count something that went wrong."""
        self.failures[what] += 1
        self.first_failure = self.first_failure or f"{what} {said}".strip()


class Lane(asyncio.Protocol):
    """One connection and its work."""

    def __init__(self, work: Work, tally: Tally) -> None:
        self._work = work
        self._tally = tally
        self._reader = AnswerReader(work.take)
        self._transport: asyncio.Transport | None = None
        self._sent_ns = 0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, for uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._tally.alive += 1

    def send(self, due_ns: int = 0) -> bool:
        """Send the next request; latency counts from ``due_ns`` (0: now). False: nothing left."""
        tally = self._tally
        transport = self._transport
        now = tally.stamp()
        request = None
        if not tally.stopping and tally.left and transport is not None:
            request = self._work.next(due_ns or now)
        if request is None or transport is None:
            self.rest()
            return False
        tally.left -= 1
        if not self.busy:
            self.busy = True
            tally.busy += 1
        self._sent_ns = due_ns or now
        transport.write(request)
        return True

    def rest(self) -> None:
        """Have nothing under way."""
        tally = self._tally
        if self.busy:
            self.busy = False
            tally.busy -= 1
        if not tally.busy:
            tally.idle.set()

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        try:
            whole = reader.feed(data)
        except AnswerFaultError as error:
            self._lost(str(error))
            return
        if whole:
            tally = self._tally
            tally.answered += 1
            if 200 <= reader.code < 300:
                sent_ns = self._sent_ns
                tally.latencies.append(tally.stamp() - sent_ns)
                if tally.sent is not None:
                    tally.sent.append(sent_ns)
                tally.received_bytes += reader.body_bytes
                self._note()
            else:
                tally.fail(str(reader.code), repr(data[-300:]))
            if reader.closing:
                self._lost("the server closes its connections")
            else:
                self.on_answered()

    def _note(self) -> None:
        try:
            self._work.answered()
        except (ValueError, IndexError, DecodeError) as error:
            self._tally.fail(f"an answer that cannot be used: {error}")

    def on_answered(self) -> None:
        """Go on; what is paced waits instead."""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:  # else it was given up here
            self._lost(f"connection lost: {exc or 'closed by the server'}")

    def _lost(self, why: str) -> None:
        tally = self._tally
        tally.fail(why)
        self.close()
        tally.alive -= 1
        if not tally.alive:
            tally.left = 0
        self.rest()

    def close(self) -> None:
        """End the connection."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()


async def connect(endpoint: Endpoint, lanes: list[Lane]) -> None:
    """Connect them all. Raises UnreachableError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            for lane in lanes:
                await loop.create_connection(
                    lambda lane=lane: lane,
                    endpoint.host,
                    endpoint.port,
                    ssl=endpoint.tls,
                )
    except TimeoutError:
        raise UnreachableError(f"{endpoint.url}: not connected in {CONNECT_S_MAX:g} s") from None
    except OSError as error:
        raise UnreachableError(f"{endpoint.url}: {error.strerror or error}") from error
