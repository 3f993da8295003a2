"""Requests at a rate, whatever the answers do: an open loop over a few connections.

A request goes out when it is due, on a connection that is free; if none is, it waits, and its
latency counts from when it was due. The timers of the loop have steps of a millisecond, which is
this process's doing and not the server's: due is what a tick finds due, and how far ticks are
behind the schedule is told apart (``late_ns_max``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from bench.apibench.lanes import Lane, Tally
from bench.apibench.operations.interface import Work

TICK_S_MAX: Final = 0.05
"""How soon the end of a run is noticed, at a very low rate."""


class Pace:
    """What is due and has no connection yet, and the connections that are free."""

    def __init__(self, rate: float, tally: Tally) -> None:
        self._interval_ns = 1e9 / rate
        self._tally = tally
        self._waiting: deque[int] = deque()
        self.free: deque[PacedLane] = deque()
        self.late_ns_max = 0

    async def run(self) -> None:
        """Send what is due until the run stops."""
        tally = self._tally
        begin, sent = tally.stamp(), 0
        while not tally.stopping and tally.left:
            now = tally.stamp()
            due = int((now - begin) / self._interval_ns) + 1
            if due > sent:
                late = now - begin - int(sent * self._interval_ns)
                self.late_ns_max = max(self.late_ns_max, late)
            for _ in range(due - sent):
                self._due(now)
            sent = due
            wait_s = (begin + sent * self._interval_ns - tally.stamp()) / 1e9
            await asyncio.sleep(min(max(wait_s, 0.0), TICK_S_MAX))

    def _due(self, now: int) -> None:
        if self.free:
            self.free.popleft().send(now)
        else:
            self._waiting.append(now)

    def released(self, lane: PacedLane) -> bool:
        """Take a connection that is free again; return whether it has something to send at once."""
        if self._waiting and not self._tally.stopping:
            lane.send(self._waiting.popleft())
            return True
        self.free.append(lane)
        return False


class PacedLane(Lane):
    """A connection that sends when it is told."""

    def __init__(self, work: Work, tally: Tally, pace: Pace) -> None:
        super().__init__(work, tally)
        self._pace = pace
        pace.free.append(self)

    def on_answered(self) -> None:
        if not self._pace.released(self):
            self.rest()
