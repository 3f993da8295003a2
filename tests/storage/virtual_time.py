"""A loop whose time jumps to the next timer when nothing is ready, and a clock that follows it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting, moves the loop's time on."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("every task is stuck: no timer is left to wait for")
        self.now_s += max(0.0, timeout)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Runs timers at once and in order; raises where a real loop would wait for ever."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


class VirtualClock:
    """The clocks of the running virtual loop."""

    def __init__(self) -> None:
        self.offset_s = 0.0
        """Added to the wall time: the difference to a store that ran before."""

    def stamp_ns(self) -> int:
        return int(asyncio.get_running_loop().time() * 1e9)

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.offset_s + asyncio.get_running_loop().time())


def run_virtual(main: Coroutine[object, object, T]) -> T:
    """Run ``main`` on a virtual loop of its own."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
