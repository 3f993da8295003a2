"""Callers: each asks again when it has its answer, or all of them serve one schedule.

In the open loop an operation is due at ``begin + i / rate``, exactly; its latency counts from
there, whoever is to blame that it began later. How late this process itself was is told apart.
What was due in the window and is answered after it counts among the latencies, too: a server that
stalls at the end would else be the quicker for it.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from bench.storebench.drivers.interface import DriverError

Operation = Callable[[int], Awaitable[object]]
"""Does one operation; is given the stamp from which its latency counts."""

FAILED_PAUSE_S: Final = 0.01
"""Before a caller tries again: a server that refuses everything is not to be hammered."""
TURN: Final = 32
"""An engine may answer without giving up the loop: after so many answers the caller does."""
TICK_S_MAX: Final = 0.05
STOP: Final = -1
FOR_EVER_NS: Final = 2**63 - 1


class Tally:
    """What all callers count together."""

    def __init__(self, stamp: Callable[[], int]) -> None:
        self.stamp = stamp
        self.latencies = array("q")
        """Nanoseconds, of the answers since ``forget``; of a watch: of events."""
        self.due_latencies = array("q")
        """Of what was due between ``from_ns`` and ``until_ns``, whenever its answer came."""
        self.from_ns = 0
        self.until_ns = FOR_EVER_NS
        self.failures: Counter[str] = Counter()
        self.stopping = False
        self.dropping = False
        """What is still in the line of an open loop is left undone."""

    def forget(self, from_ns: int) -> None:
        """Begin to count: what was measured so far was warm-up."""
        self.latencies, self.due_latencies = array("q"), array("q")
        self.from_ns = from_ns

    def of_due(self, due_ns: int, took_ns: int) -> None:
        """Take an answer to what was due then."""
        self.latencies.append(took_ns)
        if self.from_ns <= due_ns < self.until_ns:
            self.due_latencies.append(took_ns)


async def closed_loop(operation: Operation, tally: Tally) -> None:
    """Ask, wait, ask again, until the load stops."""
    stamp = tally.stamp
    left = TURN
    while not tally.stopping:
        begin = stamp()
        try:
            await operation(begin)
        except DriverError as error:
            tally.failures[str(error)] += 1
            await asyncio.sleep(FAILED_PAUSE_S)
            continue
        tally.latencies.append(stamp() - begin)
        left -= 1
        if not left:
            left = TURN
            await asyncio.sleep(0)


class Schedule:
    """What is due, and has no caller yet."""

    def __init__(
        self, rate: float, tally: Tally, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._interval_ns = 1e9 / rate
        self._sleep = sleep
        self._tally = tally
        self._line: asyncio.Queue[int] = asyncio.Queue()
        self.due = 0
        """Operations, between the tally's bounds."""
        self.late_ns_max = 0

    def forget(self) -> None:
        """Begin to count."""
        self.due = self.late_ns_max = 0

    async def run(self, begin_ns: int, callers: int) -> None:
        """Put into the line what is due, until the load stops; then send the callers home."""
        tally, sent = self._tally, 0
        while not tally.stopping:
            now = tally.stamp()
            due_ns = begin_ns + int(sent * self._interval_ns)
            while due_ns <= now:
                self.late_ns_max = max(self.late_ns_max, now - due_ns)
                self._line.put_nowait(due_ns)
                self.due += tally.from_ns <= due_ns < tally.until_ns
                sent += 1
                due_ns = begin_ns + int(sent * self._interval_ns)
            await self._sleep(min((due_ns - tally.stamp()) / 1e9, TICK_S_MAX))
        for _ in range(callers):
            self._line.put_nowait(STOP)

    async def serve(self, operation: Operation) -> None:
        """Be one of the callers, until the load stops and what was due by then is done."""
        tally, stamp = self._tally, self._tally.stamp
        while (due_ns := await self._line.get()) != STOP:
            if tally.dropping:
                continue
            try:
                await operation(due_ns)
            except DriverError as error:
                tally.failures[str(error)] += 1
                continue
            tally.of_due(due_ns, stamp() - due_ns)
