"""Time, injected: stamps to measure with, wall time to write down; timers belong to the loop.

``stamp_ns`` is ``CLOCK_MONOTONIC``, the same in all processes of one machine, so stamps taken by
different processes can be subtracted. ``loop.time()`` is never used to measure: uvloop moves it in
steps of 1 ms and holds it still inside a callback.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a component may know about time."""

    def stamp_ns(self) -> int:
        """Return a monotonic stamp in nanoseconds, comparable across processes of a machine."""
        ...

    def now(self) -> datetime:
        """Return the wall time, in UTC."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def stamp_ns(self) -> int:
        return time.monotonic_ns()

    def now(self) -> datetime:
        return datetime.now(UTC)
