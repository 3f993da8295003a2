"""A connection that says nothing: is it idle, or is nobody there any more?

While calls are under way and nothing has been heard for ``SILENT_S``, the peer is asked for a sign
of life; if there is none within ``ANSWER_S`` the connection is given up. etcd refuses signs that
are asked for more often than every 5 s, or without a call under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

SILENT_S: Final = 10.0
ANSWER_S: Final = 5.0
LATE_S: Final = 1.0
"""A timer that fires so late tells that it is we who hung, and the answer may lie unread."""


class Silence:
    """Asks ``ping``, and tells ``fallen``: from ``watch`` on, as long as there is a ``busy``."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        busy: Callable[[], bool],
        ping: Callable[[], None],
        fallen: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._busy = busy
        self._ping = ping
        self._fallen = fallen
        self._heard_at = 0.0
        self._asked = False
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """Something has been received."""
        self._heard_at = self._loop.time()
        self._asked = False

    def watch(self) -> None:
        """Calls are under way from now on. Idempotent."""
        if self._timer is None:
            self._heard_at = self._loop.time()
            self._set(self._heard_at + SILENT_S)

    def stop(self) -> None:
        """Nobody is interested any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._asked = False

    def _set(self, due: float) -> None:
        self._timer = self._loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        now = self._loop.time()
        if not self._busy():
            self.stop()
        elif self._asked:
            if now - due < LATE_S:
                self._timer = None
                self._fallen()
            else:
                self._set(now + ANSWER_S)
        elif now < self._heard_at + SILENT_S:
            self._set(self._heard_at + SILENT_S)
        else:
            self._asked = True
            self._ping()
            self._set(now + ANSWER_S)
