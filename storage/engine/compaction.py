"""Compaction: forgetting superseded revisions, a page at a time between the groups.

First the promise is made durable, and from then on reads below it are refused; the removal follows
in pages, as a chain of maintenance jobs that waits where a running list pins an older revision. A
removal that the end of the process cut short goes on at the next opening.
"""

from __future__ import annotations

import asyncio
from functools import partial

from storage.engine.backend import Backend
from storage.engine.group_commit import GroupCommit
from storage.engine.key_index import KeyIndex
from storage.engine.ledger import Group
from storage.engine.reads import Pins
from storage.errors import CompactedError, FutureRevisionError, StoreClosedError

COMPACTION_PAGE = 500
"""Revisions of history that one job goes through; a group waits for one job at most."""
STOPPED = "the store is closed"


class Compactor:
    """Keeps ``compacted`` (what has been promised) and works the index's ``base`` up to it."""

    def __init__(
        self,
        index: KeyIndex,
        backend: Backend,
        commits: GroupCommit[Group],
        pins: Pins,
        compacted: int,
    ) -> None:
        self.compacted = compacted
        """The compact revision: the state at it is readable, older ones are not."""
        self._index = index
        self._backend = backend
        self._commits = commits
        self._pins = pins
        self._working = False
        self._stopped = False
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        pins.released = self._unpinned

    async def compact(self, revision: int) -> None:
        """Promise it, durably, and begin. Raises CompactedError, FutureRevisionError."""
        if revision > self._index.last:
            raise FutureRevisionError(revision, self._index.last)
        if revision <= self.compacted:
            raise CompactedError(revision, self.compacted)
        await self._commits.run(partial(self._backend.promise_compaction, revision))
        self.compacted = max(self.compacted, revision)
        self.go_on()

    async def removed(self, revision: int) -> None:
        """Return once all that was superseded at or before a promised ``revision`` is gone.

        Raises ReadOnlyError where the removal fails, StoreClosedError where the end comes first.
        """
        if self._stopped:
            raise StoreClosedError(STOPPED)
        if self._index.base < revision:
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((revision, gone))
            await gone

    def forget(self, revision: int) -> None:
        """Forget without a promise: for a history that is bounded and not durable."""
        if revision > self.compacted:
            self.compacted = revision
            self.go_on()

    def stop(self) -> None:
        """Begin no further page."""
        self._stopped = True
        self._tell(StoreClosedError(STOPPED))

    def go_on(self) -> None:
        """Begin the next page, if there is one and none is under way."""
        if self._working or self._stopped:
            return
        base = self._index.base
        upto = min(self._pins.lowest(self.compacted), self.compacted, base + COMPACTION_PAGE)
        if upto <= base:
            return
        self._working = True
        gone = self._index.superseded(upto)
        job = self._commits.run(partial(self._backend.drop, gone, upto))
        job.add_done_callback(partial(self._dropped, upto))

    def _unpinned(self) -> None:
        if not self._commits.alarm:  # not with every list that ends on a disk that fails
            self.go_on()

    def _dropped(self, upto: int, job: asyncio.Future[None]) -> None:
        self._working = False
        error = job.exception()
        if error is None:
            self._index.compact(upto)
            self.go_on()
        # else: the store has turned read-only; the next compaction takes this page up again
        self._tell(error)

    def _tell(self, error: BaseException | None) -> None:
        """Tell those that wait for a removal: of its end, or that it failed."""
        waiting, self._waiting = self._waiting, []
        for revision, gone in waiting:
            if gone.done():  # nobody waits any more
                continue
            if error is not None:
                gone.set_exception(error)
            elif self._index.base >= revision:
                gone.set_result(None)
            else:
                self._waiting.append((revision, gone))
