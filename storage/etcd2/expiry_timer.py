"""When to order that what has expired be ended: at ticks, while anything ends by itself."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from storage.clock import Clock

SYNC_S: Final = 0.5
"""Between two ticks: etcd's own constant. Each looks at the wall clock, since that may be set."""

REST_S: Final = 0.01
"""Between an order that had to leave some of what is due and the next: whoever else has waited is
served then. At a thousand nodes an order some 50,000 a second end, and hold a third of the loop."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def wall_ns(clock: Clock) -> int:
    """Return the wall time in nanoseconds since the epoch."""
    since = clock.now() - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


class ExpiryTimer:
    """Calls ``order`` with the wall time, at the first tick at which something is due.

    While what was ordered is not ``done``, nothing more is.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, order: Callable[[int], None]
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._order = order
        self._origin = loop.time()
        self._next_ns = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ordered = False
        self._closed = False

    def note(self, next_ns: int) -> None:
        """Take when the next node ends, as wall time; 0: none does."""
        self._next_ns = next_ns
        if not next_ns:
            self._disarm()
        elif self._timer is None:
            self._arm()

    def done(self, *, left: bool) -> None:
        """What was ordered has been carried out, or cannot be; ``left``: it was not all."""
        self._ordered = False
        if left and not self._closed:
            self._disarm()
            self._timer = self._loop.call_later(REST_S, self._tick)
        elif self._next_ns:
            self._arm()

    def close(self) -> None:
        """Stop. Idempotent."""
        self._closed = True
        self._disarm()

    def _arm(self) -> None:
        if self._ordered or self._closed:
            return
        # Always a tick to come: at one that is just passing, everything due has been ordered.
        tick = math.floor((self._loop.time() - self._origin) / SYNC_S) + 1
        self._timer = self._loop.call_at(self._origin + tick * SYNC_S, self._tick)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        now_ns = wall_ns(self._clock)
        if self._next_ns and self._next_ns <= now_ns:
            self._ordered = True
            self._order(now_ns)
        elif self._next_ns:
            self._arm()
