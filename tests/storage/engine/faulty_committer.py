"""A committer whose jobs fail when a test says so: before they have run, or though they have."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum

from storage.engine.committer import Committer, Done, Job
from storage.errors import StoreError


class Fault(Enum):
    """How a job fails."""

    BEFORE = "nothing has reached the disk"
    AFTER = "all of it has, but nobody knows"


class FaultyCommitter:
    """Around another committer; ``faults`` are used up by the next jobs, one each."""

    def __init__(self, inner: Committer) -> None:
        self.faults: deque[Fault] = deque()
        self._inner = inner

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._inner.start(loop)

    def submit(self, job: Job, done: Done) -> None:
        if not self.faults:
            self._inner.submit(job, done)
            return
        fault = self.faults.popleft()

        def fail() -> None:
            if fault is Fault.AFTER:
                job()
            raise StoreError("input/output error")

        self._inner.submit(fail, done)

    def close(self) -> None:
        self._inner.close()
