"""When to flush: after the answers of the same turn, and no faster than flushing itself takes.

A commit puts events into the groups first and answers its writers second, in one step of the loop.
The answers' tasks run one turn later; so a flush is scheduled *two* turns later, and a writer never
waits behind the fan-out of its own write (with one turn: p50 9.8 instead of 1.2 ms at 1000
watchers). Pacing: the next flush not before the last one's own duration has passed, so that under
load more events share a write: three times the events at 1000 watchers, no delay at low rates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from storage.clock import Clock


class Pacer:
    """Calls ``flush`` for one or many requests, soon."""

    def __init__(self, flush: Callable[[], None], clock: Clock, *, cap_s: float) -> None:
        self._flush = flush
        self._clock = clock
        self._cap_ns = int(cap_s * 1e9)
        self._scheduled = False
        self._began_ns = 0
        self._not_before_ns = 0

    def request(self) -> None:
        """See to it that a flush comes."""
        if self._scheduled:
            return
        self._scheduled = True
        loop = asyncio.get_running_loop()
        early_ns = self._not_before_ns - self._clock.stamp_ns() if self._not_before_ns else 0
        if early_ns > 0:
            loop.call_later(early_ns / 1e9, self._run)
        else:
            loop.call_soon(loop.call_soon, self._run)

    def _run(self) -> None:
        self._scheduled = False
        self._began_ns = self._clock.stamp_ns()
        self._flush()
        # uvloop sends at the end of the turn, so the flush has ended when the next one begins.
        asyncio.get_running_loop().call_soon(self._measure)

    def _measure(self) -> None:
        ended_ns = self._clock.stamp_ns()
        self._not_before_ns = ended_ns + min(ended_ns - self._began_ns, self._cap_ns)
