"""Which of a remote store's endpoints is asked: one serves all calls until it fails or stalls.

A member that hangs (a stopped process) holds its connections and answers nothing: when calls wait
for ``STALL_S`` at an endpoint that has answered none meanwhile, new calls go to the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

C = TypeVar("C")

STALL_S: Final = 1.5


class Endpoint(Generic[C]):
    """What calls to one endpoint go over, and how it does."""

    __slots__ = ("answered_at", "connection", "waiting")

    def __init__(self, connection: C) -> None:
        self.connection = connection
        self.waiting = 0
        self.answered_at = 0.0
        """Loop time of its last answer, or of the first call after it was idle."""


class Rotation(Generic[C]):
    """The endpoints in their order. Belongs to one loop."""

    def __init__(self, connections: list[C]) -> None:
        self.endpoints = [Endpoint(connection) for connection in connections]
        self.current = 0
        self.failovers = 0
        self._stall_check: asyncio.TimerHandle | None = None
        self._on_turn: list[Callable[[], None]] = []

    @property
    def connection(self) -> C:
        """What goes to the present endpoint."""
        return self.endpoints[self.current].connection

    def begin(self) -> Endpoint[C]:
        """Return the present endpoint, which is asked now; ``waiting`` counts this call."""
        endpoint = self.endpoints[self.current]
        if not endpoint.waiting:
            endpoint.answered_at = asyncio.get_running_loop().time()
            if self._stall_check is None:
                self._watch_for_stalls()
        endpoint.waiting += 1
        return endpoint

    def turn(self, index: int) -> None:
        """Ask the endpoint after ``index`` from now on, unless that has happened already."""
        if index == self.current and len(self.endpoints) > 1:
            self.current = (index + 1) % len(self.endpoints)
            self.failovers += 1
            for tell in self._on_turn:
                tell()

    def on_turn(self, tell: Callable[[], None]) -> None:
        """Tell from now on, within ``turn``, that another endpoint is asked."""
        self._on_turn.append(tell)

    def close(self) -> None:
        """Look for stalls no longer."""
        if self._stall_check is not None:
            self._stall_check.cancel()

    def _watch_for_stalls(self) -> None:
        """Look, as long as calls wait, whether their endpoint still answers."""
        loop = asyncio.get_running_loop()
        self._stall_check = None
        index = self.current
        endpoint = self.endpoints[index]
        if endpoint.waiting and loop.time() - endpoint.answered_at > STALL_S:
            self.turn(index)
        if len(self.endpoints) > 1 and any(one.waiting for one in self.endpoints):
            self._stall_check = loop.call_later(STALL_S / 3, self._watch_for_stalls)
