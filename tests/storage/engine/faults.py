"""A committer whose jobs a test finishes, or fails, one by one."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Self

from storage.engine.committer import Done, Job
from storage.engine.store import EngineStore, Parts
from storage.memory.backend import MemoryBackend
from storage.registry import MEMORY
from storage.virtual_time import VirtualClock


class DiskError(Exception):
    """What the disk says."""


class SteppedCommitter:
    """Holds jobs until they are finished or failed; both let the loop see the outcome."""

    def __init__(self) -> None:
        self.jobs: deque[tuple[Job, Done]] = deque()
        self.closed = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def submit(self, job: Job, done: Done) -> None:
        assert not self.jobs, "a second job before the first was back"
        self.jobs.append((job, done))

    def close(self) -> None:
        self.closed = True

    async def finish(self, *, took_ns: int = 0) -> None:
        """Run the job that is under way."""
        self.finish_now(took_ns=took_ns)
        await turns()

    def finish_now(self, *, took_ns: int = 0) -> None:
        """Run the job that is under way, within this turn of the loop."""
        job, done = self.jobs.popleft()
        job()
        done(None, took_ns)

    async def fail(self, reason: str = "disk on fire") -> None:
        """Fail the job that is under way, without running it."""
        _, done = self.jobs.popleft()
        done(DiskError(reason), 0)
        await turns()

    async def finish_all(self) -> None:
        """Let what is gathering be handed over, and finish until nothing is left."""
        await turns()
        while self.jobs:
            await self.finish()


async def turns(count: int = 5) -> None:
    """Let the loop turn a few times."""
    for _ in range(count):
        await asyncio.sleep(0)


class Stage:
    """A store on a memory backend whose commits the test steps through."""

    def __init__(self) -> None:
        self.committer = SteppedCommitter()
        self.store = EngineStore(Parts(MemoryBackend(), self.committer, VirtualClock(), MEMORY))

    async def __aenter__(self) -> Self:
        await self.store.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.committer.finish_all()
        await self.store.__aexit__()
