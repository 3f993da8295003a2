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
"""How many pauses, and how many lags, are kept one by one."""

LAG_INTERVAL_S = 0.05
LAG_MAX_US = 60_000_000


class _Longest:
    """The longest of many times, with when they began."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []

    def clear(self) -> None:
        self._heap.clear()

    def offer(self, ns: int, began_ns: int) -> None:
        """Keep a time if it is among the longest."""
        if len(self._heap) < BIGGEST:
            heapq.heappush(self._heap, (ns, began_ns))
        elif ns > self._heap[0][0]:
            heapq.heapreplace(self._heap, (ns, began_ns))

    def summary(self, name: str) -> dict[str, list[float]]:
        """Return their milliseconds as ``name``, longest first, and ``began_ns`` of each."""
        longest = sorted(self._heap, reverse=True)
        return {name: [ns / 1e6 for ns, _ in longest], "began_ns": [at for _, at in longest]}


class CollectorPauses:
    """Times every run of the cyclic collector, while it is entered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_ns = 0
        self._since_ns = clock.stamp_ns()
        self._total_ns = 0
        self._count = 0
        self._longest = _Longest()

    def forget(self) -> None:
        """Start again at nothing: what came before says nothing about serving."""
        self._since_ns = self._clock.stamp_ns()
        self._total_ns = 0
        self._count = 0
        self._longest.clear()

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
        self._longest.offer(pause_ns, self._started_ns)

    def summary(self) -> dict[str, object]:
        """Return the pauses as they stand.

        ``pauses_ms`` (the biggest, biggest first), ``began_ns`` (the stamps at which these began),
        ``total_ms`` and ``count`` of all, and ``over_ms``: how long they have been counted.
        """
        return {
            **self._longest.summary("pauses_ms"),
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
        self._longest = _Longest()
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns = 0

    def forget(self) -> None:
        """Start again at nothing."""
        self._histogram.reset()
        self._longest.clear()
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
        late_ns = self._clock.stamp_ns() - self._due_ns
        self._histogram.record_value(min(max(late_ns // 1000, 1), LAG_MAX_US))
        self._longest.offer(late_ns, self._due_ns)
        self._arm()

    def longest(self) -> dict[str, list[float]]:
        """Return the longest lags, as ``lags_ms``, and ``began_ns``: when each timer was due."""
        return self._longest.summary("lags_ms")

    def summary(self) -> dict[str, float]:
        """Return ``p50``, ``p99`` and ``max`` in milliseconds."""
        at = self._histogram.get_value_at_percentile
        return {
            "p50": at(50) / 1000,
            "p99": at(99) / 1000,
            "max": self._histogram.get_max_value() / 1000,
        }
