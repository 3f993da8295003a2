"""How far the store is by now: asked for reads that must see what others have written.

How it works. A read is answered from the cache once that has come to a revision which the store
told *after* the read began. Reads that come while the store is being asked share the question that
is asked next; so at most one is on its way, however many reads there are, and each of them waits
for two answers at most.

    read A   |---- asked ------|
    read B         .............|---- asked ----|
    read C              ........|---- asked ----|        B and C share a question

Where the store could not be reached at all, which takes its client ten seconds to say, those who
waited meanwhile are told so, too: they have waited for it as long as people do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Protocol

from storage.errors import StoreUnavailableError
from storage.watchcache.counters import CacheCounters


class Asked(Protocol):
    """As much of a store as is asked here."""

    async def latest_revision(self) -> int:
        """Return a revision no older than any write acknowledged before the call."""
        ...


Spawn = Callable[[Coroutine[object, object, None]], object]


class Freshness:
    """Asks one store for its latest revision on behalf of many reads. Belongs to one loop."""

    def __init__(self, store: Asked, counters: CacheCounters, spawn: Spawn) -> None:
        self._store = store
        self._counters = counters
        self._spawn = spawn
        """Runs a question as a task that somebody owns."""
        self._next: asyncio.Future[int] | None = None
        self._asking = False

    async def latest(self) -> int:
        """Return a revision that the store told after this was called. Raises its StoreError."""
        self._counters.consistent_reads_asked += 1
        question = self._next
        if question is None:
            question = self._next = asyncio.get_running_loop().create_future()
            if not self._asking:
                self._asking = True
                self._spawn(self._ask())
        return await asyncio.shield(question)  # one reader's leaving is not the others'

    async def _ask(self) -> None:
        """Ask until nobody waits for a further question."""
        try:
            while (question := self._next) is not None:
                self._next = None
                await self._ask_once(question)
        finally:
            self._asking = False
            if self._next is not None:
                self._next.cancel()
                self._next = None

    async def _ask_once(self, question: asyncio.Future[int]) -> None:
        self._counters.latest_revision_calls += 1
        try:
            revision = await self._store.latest_revision()
        except Exception as error:  # noqa: BLE001  it is the readers', whatever it is
            _fail(question, error)
            if isinstance(error, StoreUnavailableError) and self._next is not None:
                _fail(self._next, error)
                self._next = None
        except BaseException:
            question.cancel()
            raise
        else:
            question.set_result(revision)


def _fail(question: asyncio.Future[int], error: Exception) -> None:
    question.set_exception(error)
    question.exception()  # the readers may all have left: then nobody is to be told
