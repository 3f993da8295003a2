"""Turns: long work goes on a slice at a time, one slice in a turn of the loop, whoever's it is.

Between two slices the loop looks at its sockets, so whatever is short never waits for more than a
slice, however many long answers are under way. They take turns, so the shorter of them end first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

Work = Callable[[], object]


class Turns:
    """Who waits for a turn, in their order. Belongs to the loop that runs when it is used."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[Work] = deque()

    def take(self, work: Work) -> None:
        """Let ``work`` do its next slice when it is its turn: not before the loop's next."""
        self._waiting.append(work)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    async def mine(self) -> None:
        """Return when it is the caller's turn."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.take(partial(_begin, turn))
        await turn

    def _turn(self) -> None:
        work = self._waiting[0]
        try:
            work()
        finally:
            self._waiting.popleft()
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._turn)


def _begin(turn: asyncio.Future[None]) -> None:
    if not turn.done():  # its caller may have been cancelled
        turn.set_result(None)
