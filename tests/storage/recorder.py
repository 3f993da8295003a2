"""A watcher that writes down what it is told."""

from __future__ import annotations

import asyncio

from storage.errors import StoreError
from storage.records import Batch, Change


class Recorder:
    """Checks the order of revisions on the way, and lets a test wait for one."""

    def __init__(self, after: int = 0) -> None:
        self.batches: list[Batch] = []
        self.error: StoreError | None = None
        self.revision = after
        self._news = asyncio.Event()

    @property
    def changes(self) -> list[Change]:
        return [change for batch in self.batches for change in batch.changes]

    @property
    def revisions(self) -> list[int]:
        return [change.revision for change in self.changes]

    def deliver(self, batch: Batch) -> None:
        assert self.error is None, "delivered after it was closed"
        assert batch.revision > self.revision, "a batch's revision went back or was repeated"
        revisions = [change.revision for change in batch.changes]
        assert revisions == sorted(revisions)
        assert all(self.revision < revision <= batch.revision for revision in revisions)
        self.revision = batch.revision
        self.batches.append(batch)
        self._news.set()

    def closed(self, error: StoreError) -> None:
        assert self.error is None, "closed twice"
        self.error = error
        self._news.set()

    async def reach(self, revision: int) -> None:
        """Wait until the watch has told everything up to ``revision``, or has ended."""
        async with asyncio.timeout(90):
            while self.revision < revision and self.error is None:
                self._news.clear()
                await self._news.wait()

    async def end(self) -> StoreError:
        """Wait until the watch has ended, and return why."""
        async with asyncio.timeout(90):
            while self.error is None:
                self._news.clear()
                await self._news.wait()
        return self.error
