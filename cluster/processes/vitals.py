"""How a process fares: pauses of the collector, and how late its event loop runs."""

from __future__ import annotations

import asyncio
import gc
import heapq
from types import TracebackType
from typing import Self

from hdrh.histogram import HdrHistogram

from storage.clock import Clock

BIGGEST = 20
"""How many pauses are kept one by one."""

LAG_INTERVAL_S = 0.05
LAG_MAX_US = 60_000_000


class CollectorPauses:
    """Times every run of the cyclic collector, while it is entered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_ns = 0
        self._since_ns = clock.stamp_ns()
        self._total_ns = 0
        self._count = 0
        self._biggest: list[tuple[int, int]] = []
        """(how long, when it began), in nanoseconds; a heap."""

    def forget(self) -> None:
        """Start again at nothing: what came before says nothing about serving."""
        self._since_ns = self._clock.stamp_ns()
        self._total_ns = 0
        self._count = 0
        self._biggest.clear()

    def __enter__(self) -> Self:
        gc.callbacks.append(self._observe)
        return self

    def __exit__(self, *exc_info: object) -> None:
        gc.callbacks.remove(self._observe)

    def _observe(self, phase: str, _facts: dict[str, int]) -> None:
        if phase == "start":
            self._started_ns = self._clock.stamp_ns()
            return
        pause_ns = self._clock.stamp_ns() - self._started_ns
        self._total_ns += pause_ns
        self._count += 1
        if len(self._biggest) < BIGGEST:
            heapq.heappush(self._biggest, (pause_ns, self._started_ns))
        elif pause_ns > self._biggest[0][0]:
            heapq.heapreplace(self._biggest, (pause_ns, self._started_ns))

    def summary(self) -> dict[str, object]:
        """Return the pauses as they stand.

        ``pauses_ms`` (the biggest, biggest first), ``began_ns`` (the stamps at which these began),
        ``total_ms`` and ``count`` of all, and ``over_ms``: how long they have been counted.
        """
        biggest = sorted(self._biggest, reverse=True)
        return {
            "pauses_ms": [pause_ns / 1e6 for pause_ns, _ in biggest],
            "began_ns": [began_ns for _, began_ns in biggest],
            "over_ms": (self._clock.stamp_ns() - self._since_ns) / 1e6,
            "total_ms": self._total_ns / 1e6,
            "count": self._count,
        }


class LoopLag:
    """Samples how much later than asked a timer fires on the running loop, while it is entered.

    Stamps come from the clock, since uvloop's own time stands still inside a callback and moves
    in steps of 1 ms; lag below about 1 ms therefore says nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._histogram = HdrHistogram(1, LAG_MAX_US, 2)
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns = 0

    def forget(self) -> None:
        """Start again at nothing."""
        self._histogram.reset()
        if self._timer is not None:
            self._timer.cancel()
            self._arm()

    def __enter__(self) -> Self:
        self._arm()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._due_ns = self._clock.stamp_ns() + int(LAG_INTERVAL_S * 1e9)
        self._timer = asyncio.get_running_loop().call_later(LAG_INTERVAL_S, self._sample)

    def _sample(self) -> None:
        late_us = (self._clock.stamp_ns() - self._due_ns) // 1000
        self._histogram.record_value(min(max(late_us, 1), LAG_MAX_US))
        self._arm()

    def summary(self) -> dict[str, float]:
        """Return ``p50``, ``p99`` and ``max`` in milliseconds."""
        at = self._histogram.get_value_at_percentile
        return {
            "p50": at(50) / 1000,
            "p99": at(99) / 1000,
            "max": self._histogram.get_max_value() / 1000,
        }
