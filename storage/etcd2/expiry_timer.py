"""When to order that what has expired be ended: at ticks, while something is due."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from storage.clock import Clock

SYNC_S: Final = 0.5
"""Between two ticks: etcd's own constant."""

LOOK_S_MAX: Final = 60.0
"""How long it sleeps at most: keys end by wall time, which may be set."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def wall_ns(clock: Clock) -> int:
    """Return the wall time in nanoseconds since the epoch."""
    since = clock.now() - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


class ExpiryTimer:
    """Calls ``order`` with the wall time, at the first tick at which something is due."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, order: Callable[[int], None]
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._order = order
        self._origin = loop.time()
        self._next_ns = 0
        self._timer: asyncio.TimerHandle | None = None

    def note(self, next_ns: int) -> None:
        """Take when the next key ends, as wall time; 0: none does."""
        if next_ns != self._next_ns:
            self._next_ns = next_ns
            self._arm()

    def close(self) -> None:
        """Stop. Idempotent."""
        self._next_ns = 0
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._next_ns:
            return
        left_s = min(LOOK_S_MAX, max(0.0, (self._next_ns - wall_ns(self._clock)) / 1e9))
        past_s = self._loop.time() - self._origin
        # Always a tick to come: at one that is just passing, everything due has been ordered.
        tick = max(math.ceil((past_s + left_s) / SYNC_S), math.floor(past_s / SYNC_S) + 1)
        self._timer = self._loop.call_at(self._origin + tick * SYNC_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now_ns = wall_ns(self._clock)
        if now_ns < self._next_ns:  # the wall clock was set, or it was too far to sleep
            self._arm()
            return
        self._next_ns = 0  # until whoever carries the order out notes what is next
        self._order(now_ns)
