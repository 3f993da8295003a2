"""When calls end that are not answered: one timer for all calls of a channel, or of a pool.

How it works. Calls are kept by the tick of their deadline, ``TICK_S`` long; nearly all are answered
long before, and then are taken out again, for less than a timer of their own would cost. A call
ends up to a tick late, never early. The timer is set to the earliest tick that was ever asked for,
and looks anew when it fires: with deadlines ten seconds away that is next to never.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

TICK_S: Final = 0.02


class Timed(Protocol):
    """What has a deadline."""

    bucket: int
    """Where the deadlines keep it; 0: nowhere."""


T = TypeVar("T", bound=Timed)


class Deadlines(Generic[T]):
    """The deadlines of calls; ``expire`` is told those whose time is over."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expire: Callable[[T], None]) -> None:
        self._loop = loop
        self._expire = expire
        self._buckets: dict[int, dict[T, None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0

    def add(self, call: T, timeout_s: float) -> None:
        """End a call after that time, unless it is removed before."""
        tick = int((self._loop.time() + timeout_s) / TICK_S) + 1
        call.bucket = tick
        bucket = self._buckets.get(tick)
        if bucket is None:
            self._buckets[tick] = {call: None}
            if self._timer is None or tick < self._due:
                self._set(tick)
        else:
            bucket[call] = None

    def remove(self, call: T) -> None:
        """Forget a call. Idempotent."""
        tick = call.bucket
        if tick:
            call.bucket = 0
            bucket = self._buckets.get(tick)
            if bucket is None:
                return
            del bucket[call]
            if not bucket:
                del self._buckets[tick]

    def close(self) -> None:
        """End no call any more."""
        self._buckets.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, tick: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = tick
        self._timer = self._loop.call_at(tick * TICK_S, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = max(self._due, int(self._loop.time() / TICK_S))  # a timer may be early by a hair
        due = sorted(tick for tick in self._buckets if tick <= now)
        calls = [call for tick in due for call in self._buckets.pop(tick)]
        for call in calls:
            call.bucket = 0
        for call in calls:
            self._expire(call)
        if self._buckets and self._timer is None:
            self._set(min(self._buckets))
