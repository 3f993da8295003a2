"""Waiting to the microsecond: the timers of an event loop have steps of a millisecond.

A schedule that spins through the rest would take the server's CPU; a timer of the kernel whose
file descriptor the loop reads does not.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from typing import Final, Self

CLOCK_MONOTONIC: Final = 1
NONBLOCK_CLOEXEC: Final = os.O_NONBLOCK | os.O_CLOEXEC
BILLION: Final = 10**9
EXPIRATIONS_BYTES: Final = 8


class KernelTimer:
    """``sleep`` for one waiter at a time; ``with`` closes its file descriptor. Linux alone."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._waiter: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        self._file = self._libc.timerfd_create(CLOCK_MONOTONIC, NONBLOCK_CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._file, self._rang)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.remove_reader(self._file)
        os.close(self._file)

    async def sleep(self, seconds: float) -> None:
        """Return after so long, to some microseconds; at once where that is over."""
        nanoseconds = int(seconds * BILLION)
        if nanoseconds <= 0:
            await asyncio.sleep(0)
            return
        # struct itimerspec: no interval, then when it rings, in seconds and nanoseconds
        spec = (ctypes.c_long * 4)(0, 0, nanoseconds // BILLION, nanoseconds % BILLION)
        if self._libc.timerfd_settime(self._file, 0, spec, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._waiter = self._loop.create_future()
        await self._waiter

    def _rang(self) -> None:
        try:
            os.read(self._file, EXPIRATIONS_BYTES)
        except BlockingIOError:
            return
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
