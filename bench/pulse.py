"""Whether the API server answers at all: asked five times a second, whatever else goes on.

A load that is made of answers (closed loop) says nothing while there are none, and an open loop at
five requests a second says little. The pulse asks for /livez, which costs the server some 30 us and
stands in none of its request metrics, on a connection of its own.

The measuring process may stand still itself: that is no fault of the server's. So waiting is added
up tick by tick, and of a tick that came late only the part counts that was due; the rest is kept in
``freezes``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, NamedTuple, Self

from cluster.client.exchange import Exchange, Request
from cluster.client.interface import TransportError
from cluster.client.transport import HttpTransport, TransportOptions
from storage.clock import Clock

INTERVAL_S: Final = 0.2
"""With ten questions and forty ticks a second it took 0.7 % of a core, most of it for waking up."""
TICK_S: Final = 0.1
TICK_NS_MAX: Final = int(2 * TICK_S * 1e9)
"""A tick that lasts longer than this one was held up by this process itself, or by the machine."""
ANSWER_S_MAX: Final = 60.0
LIVEZ: Final = Request("GET", "/livez")


class Beat(NamedTuple):
    """One question."""

    sent_ns: int
    waited_ns: int
    """For the answer, times in which this process stood still left out."""
    answered: bool


class Freeze(NamedTuple):
    """A time in which this process's loop did not turn."""

    begin_ns: int
    end_ns: int


class Pulse:
    """Asks until cancelled. Belongs to one event loop."""

    def __init__(self, transport: Exchange, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self.beats: list[Beat] = []
        self.freezes: list[Freeze] = []

    async def run(self) -> None:
        """Ask at every interval, or when the last question is answered if that is later."""
        async with asyncio.TaskGroup() as group:
            while True:
                sent_ns = self._clock.stamp_ns()
                question = group.create_task(self._ask())
                waited_ns = 0
                try:
                    while not question.done():
                        waited_ns += await self._tick(question)
                finally:
                    self.beats.append(Beat(sent_ns, waited_ns, _answered(question)))
                now_ns = self._clock.stamp_ns()
                rest_ns = int(INTERVAL_S * 1e9) - (now_ns - sent_ns)
                if rest_ns > 0:
                    await asyncio.sleep(rest_ns / 1e9)
                    self._notice(now_ns, rest_ns)

    async def _ask(self) -> bool:
        try:
            answer = await self._transport.request(LIVEZ, timeout_s=ANSWER_S_MAX)
        except TransportError:
            return False
        return answer.code == 200

    async def _tick(self, question: asyncio.Task[bool]) -> int:
        """Wait for a tick, or for an answer if it comes first; return how long that took."""
        begin_ns = self._clock.stamp_ns()
        await asyncio.wait({question}, timeout=TICK_S)
        return min(self._notice(begin_ns, int(TICK_S * 1e9)), TICK_NS_MAX)

    def _notice(self, begin_ns: int, expected_ns: int) -> int:
        """Keep a freeze if what should have taken so long took much longer; return how long."""
        end_ns = self._clock.stamp_ns()
        if end_ns - begin_ns > expected_ns + TICK_NS_MAX // 2:
            self.freezes.append(Freeze(begin_ns, end_ns))
        return end_ns - begin_ns


class Pulses:
    """A pulse for each API server; ``async with`` closes their connections."""

    def __init__(self, urls: Sequence[str], clock: Clock) -> None:
        self._transports = [HttpTransport(TransportOptions(url), clock) for url in urls]
        self._pulses = [Pulse(transport, clock) for transport in self._transports]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for transport in self._transports:
            transport.close()

    @property
    def runs(self) -> list[Callable[[], Coroutine[None, None, None]]]:
        """Return what is to be run beside the load."""
        return [pulse.run for pulse in self._pulses]

    @property
    def beats(self) -> list[Beat]:
        """Return all questions, server by server."""
        return [beat for pulse in self._pulses for beat in pulse.beats]

    @property
    def freezes(self) -> list[Freeze]:
        """Return when the loop, which they share, did not turn."""
        return self._pulses[0].freezes


def _answered(question: asyncio.Task[bool]) -> bool:
    if not question.done() or question.cancelled() or question.exception() is not None:
        return False
    return question.result()
