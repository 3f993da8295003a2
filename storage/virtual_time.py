"""Virtual time: a loop whose clock jumps to the next timer, and the ``Clock`` that goes with it.

For tests and simulations of anything that keeps the rule of ``storage.clock`` (timers through the
loop, stamps and wall time from an injected ``Clock``). An hour of heartbeats takes as long as the
heartbeats take to compute, and every run is the same run: callbacks in the order in which they were
scheduled, timers by their time, and equal times in the order in which they were set. It stands
beside ``clock``, the lowest layer that needs time, so that each layer above can be tested with it.

How it works. Nothing takes any time here; while something is ready, time stands still. When nothing
is, the loop would wait for its next timer: it moves its clock there instead. If there is no timer
either, nothing can ever happen again: that is a defect, and raises ``StuckError``.

Time is kept in whole nanoseconds, and timers are rounded up to them: sums of fractions of a second
would otherwise let a timer fire a hair before its time, by a difference that depends on what else
the loop has to do. Floats hold that up for a day of virtual time (to 10^5 s); up to 48 days a timer
may be a nanosecond off, and there it ends.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""The wall time at which every virtual loop begins."""

FUZZ_NS = 0.1
"""How far beyond a whole nanosecond a time counts as that nanosecond: errors of adding floats."""


TIME_MAX_NS = 2**22 * 10**9
"""Beyond it, floats of seconds no longer tell two nanoseconds apart."""


class StuckError(RuntimeError):
    """Nothing is ready and no timer is set: every task waits for something that cannot come."""


class _Timer(asyncio.TimerHandle):
    """A timer that, among those of its time, comes in the order of setting: heaps are unstable."""

    __slots__ = ("_rank",)

    def __init__(
        self,
        rank: tuple[int, int],
        callback: Callable[[Unpack[Ts]], object],
        args: tuple[*Ts],
        loop: VirtualTimeLoop,
        context: Context | None,
    ) -> None:
        super().__init__(rank[0] / 1e9, callback, args, loop, context)
        self._rank = rank
        self._scheduled = True

    def __lt__(self, other: object) -> bool:
        return self._rank < other._rank if isinstance(other, _Timer) else NotImplemented


class _Horizon:
    """Stands where a loop has its selector: asked to wait, it moves the time on."""

    def __init__(self) -> None:
        self.now_ns = 0

    def select(self, timeout: float | None) -> list[object]:
        """Pass ``timeout`` seconds. Raises StuckError where they are not limited, OverflowError."""
        if timeout is None:
            raise StuckError(f"no timer is set; waiting: {'; '.join(_waiting())}")
        if timeout > 0:
            self.now_ns += max(1, round(timeout * 1e9))
            if self.now_ns > TIME_MAX_NS:
                raise OverflowError("virtual time ends after 48 days")
        return []


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """An event loop without sockets, signals or threads, whose time starts at 0 and jumps."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Horizon()
        self._scheduled: list[_Timer] = []
        self._timers = 0

    @property
    def now_ns(self) -> int:
        """Return the virtual time since the loop was made, in nanoseconds."""
        return self._selector.now_ns

    def time(self) -> float:
        return self._selector.now_ns / 1e9

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        if self.is_closed():
            raise RuntimeError("the loop is closed")
        now_ns = self.now_ns
        due_ns = math.ceil(when * 1e9 - FUZZ_NS)
        if due_ns <= now_ns and when > now_ns / 1e9:
            # Whoever finds that its time has not quite come, and waits for it, must not find the
            # same again.
            due_ns = now_ns + 1
        self._timers += 1
        timer = _Timer((due_ns, self._timers), callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        return timer

    # What BaseEventLoop asks of a loop; everything about sockets it refuses by itself.

    def _process_events(self, event_list: list[object]) -> None:
        """Take what the selector found: nothing. Right after this, due timers are looked for."""
        assert not event_list
        # What is less than this away is due; it must not vanish beside the time.
        self._clock_resolution = max(FUZZ_NS / 1e9, math.ulp(self.time()))

    def _write_to_self(self) -> None:
        """Wake a loop that waits: this one never does."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Refuse: a thread takes real time, and ends in an order that nobody can repeat."""
        raise NotImplementedError("no threads in virtual time")


class VirtualClock:
    """A ``Clock`` that tells the time of the virtual loop that is running."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self.offset_s = 0.0
        """Added to the wall time: the difference to a loop that ran before."""

    def stamp_ns(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e9)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.offset_s, microseconds=self.stamp_ns() // 1000)


def run_virtual(main: Coroutine[object, object, T]) -> T:
    """Run ``main`` on a virtual loop of its own; return what it returns."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def _waiting() -> list[str]:
    """Return which tasks wait, and where."""
    found = []
    for task in asyncio.all_tasks():
        stack = task.get_stack(limit=1)
        where = f" at {stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else ""
        found.append(f"{task.get_name()} ({getattr(task.get_coro(), '__qualname__', '?')}{where})")
    return sorted(found) or ["no task at all"]
