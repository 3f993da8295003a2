"""When things are due, and doing them then: open loop with a rate, closed loop without one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from storage.clock import Clock

T = TypeVar("T")
Action = Callable[[T, int], Awaitable[None]]
"""Does one thing; takes the thing and the stamp at which it was due (0: whenever)."""


class Pacer:
    """Runs actions on a loop's timers; stamps come from the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def open_loop(self, things: Sequence[T], interval_s: float, action: Action[T]) -> None:
        """Start one action every ``interval_s``, whether or not those before have ended.

        The n-th is due n intervals after the call, however late its predecessors were: lateness
        never moves the schedule.
        """
        begin_ns = self._clock.stamp_ns()
        async with asyncio.TaskGroup() as group:
            for i, thing in enumerate(things):
                due_ns = begin_ns + int(i * interval_s * 1e9)
                wait_s = (due_ns - self._clock.stamp_ns()) / 1e9
                # Also when it is late: a schedule that cannot be kept up with must not shut out
                # what was started, nor an interrupt.
                await asyncio.sleep(max(wait_s, 0.0))
                group.create_task(_run(action, thing, due_ns))

    async def closed_loop(self, things: Sequence[T], workers: int, action: Action[T]) -> None:
        """Run all actions, ``workers`` at a time, as fast as they go.

        A thing is due (0) when a worker is free for it: there is no schedule to be late for.
        """
        line = iter(things)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(workers, len(things))):
                group.create_task(self._work(line, action))

    async def _work(self, line: Iterator[T], action: Action[T]) -> None:
        for thing in line:
            await action(thing, 0)


async def _run(action: Action[T], thing: T, due_ns: int) -> None:
    await action(thing, due_ns)
