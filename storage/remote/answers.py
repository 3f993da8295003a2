"""Answers to writes that a server has judged, and that wait until the feed has told as much."""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush

from storage.errors import StoreError, UnknownOutcomeError

Waiting = tuple[asyncio.Future[int], StoreError | None]
"""Who waits for a revision, and the error that he is told then; None: he is told its number."""


class Answers:
    """Those that are not given yet, by the revision that they wait for."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[Waiting]] = {}
        """No more than there are callers."""
        self._order: list[int] = []
        """Its keys, a heap: who is told of each revision singly looks at no others."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def newest(self) -> int:
        """The last revision that is waited for; 0: none is."""
        return max(self._waiting, default=0)

    def wait(self, future: asyncio.Future[int], revision: int, error: StoreError | None) -> None:
        """Give this answer when ``revision`` has been told."""
        waiting = self._waiting.get(revision)
        if waiting is None:
            self._waiting[revision] = [(future, error)]
            heappush(self._order, revision)
        else:
            waiting.append((future, error))

    def release(self, upto: int) -> None:
        """Everything up to this revision has been told."""
        waiting, order = self._waiting, self._order
        while order and order[0] <= upto:
            revision = heappop(order)
            for future, error in waiting.pop(revision):
                if future.done():
                    continue
                if error is None:
                    future.set_result(revision)
                else:
                    future.set_exception(error)

    def give_up(self, why: str) -> None:
        """Give all of them: nobody will know what became of those that were no errors."""
        waiting, self._waiting, self._order = self._waiting, {}, []
        for revision in sorted(waiting):
            for future, error in waiting[revision]:
                if not future.done():
                    future.set_exception(error or UnknownOutcomeError(why))
