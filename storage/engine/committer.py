"""Committers: where the blocking part of a commit runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from storage.clock import Clock
from storage.engine.staging import Staging

Job = Callable[[], None]
Done = Callable[[Exception | None, int], None]
"""Told on the loop: the job's error or None, and how long it took, in nanoseconds."""


class Committer(Protocol):
    """Runs jobs one after another, off the caller's stack."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; answers go to ``loop``."""
        ...

    def submit(self, job: Job, done: Done) -> None:
        """Run ``job`` soon, then call ``done`` on the loop: never from within this call."""
        ...

    def close(self) -> None:
        """Stop, after the job that is running."""
        ...


def _run(job: Job, clock: Clock) -> tuple[Exception | None, int]:
    start_ns = clock.stamp_ns()
    try:
        job()
    except Exception as error:  # noqa: BLE001  # whatever it is, the writers must be told
        return error, clock.stamp_ns() - start_ns
    return None, clock.stamp_ns() - start_ns


class InlineCommitter:
    """Runs jobs on the loop itself: for stores that do not block, for tests and virtual time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def submit(self, job: Job, done: Done) -> None:
        assert self._loop is not None, "submit before start"
        self._loop.call_soon(self._turn, job, done)

    def close(self) -> None:
        self._loop = None

    def _turn(self, job: Job, done: Done) -> None:
        error, duration_ns = _run(job, self._clock)
        done(error, duration_ns)


class ThreadCommitter:
    """Runs jobs in one thread of its own, so that a slow sync never holds the loop.

    A job may say by ``staging`` that it needs the loop to stand aside no longer.
    """

    def __init__(self, clock: Clock, staging: Staging | None = None) -> None:
        self._clock = clock
        self._staging = Staging() if staging is None else staging
        self._jobs: SimpleQueue[tuple[Job, Done] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # A daemon: what was acknowledged is durable, the rest must not keep the process alive.
        self._thread = threading.Thread(target=self._work, name="committer", daemon=True)
        self._thread.start()

    def submit(self, job: Job, done: Done) -> None:
        self._staging.begin()
        self._jobs.put((job, done))
        self._staging.wait()

    def close(self) -> None:
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        assert self._loop is not None
        tell = self._loop.call_soon_threadsafe
        while (item := self._jobs.get()) is not None:
            job, done = item
            error, duration_ns = _run(job, self._clock)
            self._staging.over()
            try:
                tell(done, error, duration_ns)
            except RuntimeError:  # the loop is closed: nobody is left to tell
                return
