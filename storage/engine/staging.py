"""The loop stands aside while the committer's thread stages a group, and not while it syncs.

How this works. LMDB's binding lets go of the interpreter for every row that it puts, and takes it
again after, though the put itself takes 2 us. Against a loop that is busy each of these returns is
a wait and two switches of threads: a dozen for a group of eight, which cost more than the group's
sync. So the loop waits for the little while until the group stands in the transaction: what was
handed over is *over* when all that is left is to wait for the disk. The wait is bounded and nothing
depends on it; a stage that takes longer goes on beside the loop.
"""

from __future__ import annotations

import threading
from typing import Final

WAIT_MAX_S: Final = 0.002


class Staging:
    """Where the loop waits for the committer's thread; one job is under way at a time."""

    __slots__ = ("_over",)

    def __init__(self) -> None:
        self._over = threading.Lock()
        self._over.acquire()

    def begin(self) -> None:
        """On the loop, before a job is handed over: forget that the last one is over."""
        self._over.acquire(blocking=False)

    def wait(self) -> None:
        """On the loop, after: return when it is over, or has taken too long."""
        self._over.acquire(timeout=WAIT_MAX_S)

    def over(self) -> None:
        """In the thread: the job needs the interpreter no longer, or has ended."""
        if self._over.locked():
            self._over.release()
