"""Ends the keys that have a TTL of their own, by ordinary deletes when their time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from storage.engine.backend import Lease
from storage.engine.expiry import Expiry
from storage.engine.ledger import Group
from storage.errors import ReadOnlyError

EXPIRY_PAGE = 500
"""Keys that end in one turn of the loop."""

PAUSE_MIN_S = 0.05
PAUSE_MAX_S = 60.0
"""The reaper looks again at least this often."""

RETRY_S = 0.5
"""What has ended while the store is read-only is tried again after this."""

NEVER_MS = 1 << 63


class Delete(Protocol):
    """Deletes a key, as ``Writable.delete``."""

    def __call__(self, key: bytes, *, expected: int) -> asyncio.Future[int]: ...


class Reaper:
    """Keeps a timer at the earliest deadline."""

    def __init__(
        self,
        expiry: Expiry,
        delete: Delete,
        *,
        alarm: Callable[[], str],
        now_ms: Callable[[], int],
    ) -> None:
        self._expiry = expiry
        self._delete = delete
        self._alarm = alarm
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due_ms = NEVER_MS
        """When the timer is for."""

    def __len__(self) -> int:
        return len(self._expiry)

    def note(self, group: Group) -> None:
        """Take a group that is applied."""
        expiry, deadline_of = self._expiry, group.deadlines.get
        for change in group.changes:
            deadline_ms = deadline_of(change.revision)
            if deadline_ms is None:
                expiry.forget(change.key)
            else:
                expiry.grant(Lease(change.key, change.revision, deadline_ms))
        if group.deadlines:
            self.arm()

    def arm(self) -> None:
        """See to it that it runs at the earliest deadline."""
        due_ms = self._expiry.next_ms()
        if due_ms is None or due_ms >= self._due_ms:
            return
        self.close()
        self._due_ms = due_ms
        pause_s = max(PAUSE_MIN_S, (due_ms - self._now_ms()) / 1000)
        self._timer = self._loop.call_later(min(PAUSE_MAX_S, pause_s), self._reap)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _reap(self) -> None:
        """Delete what has ended; what fails is tried again."""
        self._due_ms = NEVER_MS
        if self._alarm():
            self._timer = self._loop.call_later(RETRY_S, self._reap)
            return
        for lease in self._expiry.due(self._now_ms(), EXPIRY_PAGE):
            done = self._delete(lease.key, expected=lease.revision)
            done.add_done_callback(partial(self._reaped, lease))
        self.arm()

    def _reaped(self, lease: Lease, done: asyncio.Future[int]) -> None:
        if isinstance(done.exception(), ReadOnlyError):
            self._expiry.grant(lease)
            self.arm()
