"""A store that several share, in one process: what a real etcd is to several API servers.

One engine holds the truth. Each ``SharedView`` is the store of one client of it: it writes to the
engine and reads from it, but what it *knows* (``current_revision``, its watches) comes by one watch
over all keys, and that can be late, held up, or lost. So can every call. What a view does wrong is
decided by the test, or drawn from a seeded ``Random``: in virtual time every run is the same run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Self, TypeVar

from storage.errors import (
    CompactedError,
    StoreClosedError,
    StoreError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from storage.interface import Capabilities, Store, Watcher
from storage.records import Batch, Change, KeyValue, Listing, StoreStatus

T = TypeVar("T")


class ViewWatch:
    """A watch of a view: told what the view has come to know."""

    def __init__(self, view: SharedView, prefix: bytes, watcher: Watcher, after: int) -> None:
        self.prefix = prefix
        self.watcher = watcher
        self.position = after
        self._view = view

    def cancel(self) -> None:
        self._view.forget(self)


class SharedView:
    """One client's view of a shared store (``storage.interface.Store``).

    ``lag_s`` is how late it learns of changes, ``call_s`` how long a call takes each way; both are
    drawn anew each time, up to that, where there is ``chance``. ``held``: it learns nothing.
    ``down``: no endpoint answers. ``unknown``: so many writes get no answer; ``lost`` of them are
    not carried out either.
    """

    def __init__(self, truth: Store, chance: Random | None = None) -> None:
        self.truth = truth
        self.chance = chance
        self.lag_s = 0.0
        self.call_s = 0.0
        self.held = False
        self.down = False
        self.unknown = 0
        self.lost = 0
        self.between: Callable[[], Awaitable[object]] | None = None
        """What somebody else does, once, between the two writes of a delete with a last state."""
        self.calls: list[tuple[str, bytes]] = []
        """What was asked of the store, in order."""
        self.capabilities: Capabilities = truth.capabilities._replace(others_write=True)
        self._open = False
        self._current = 1
        self._floor = 1
        self._log: list[Change] = []
        self._watches: dict[ViewWatch, None] = {}
        self._due: list[Batch] = []
        """Batches that it has not learned of yet."""

    async def __aenter__(self) -> Self:
        self._floor = self.truth.oldest_revision()
        self._current = self.truth.current_revision()
        self._open = True
        self._known = asyncio.Event()
        if self._current == self._floor:
            self._known.set()
        self._feed = self.truth.watch(b"", self, after=self._floor)
        await self._known.wait()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._open = False
        self._feed.cancel()
        self.lose(StoreClosedError("the view is closed"))

    def lose(self, error: StoreError, *, prefix: bytes = b"") -> None:
        """End the watches of keys that begin with ``prefix``."""
        for watch in [each for each in self._watches if each.prefix.startswith(prefix)]:
            del self._watches[watch]
            watch.watcher.closed(error)

    def learn(self) -> None:
        """Learn at once of all that has happened."""
        while self._due:
            self._learn_next()

    def forget(self, watch: ViewWatch) -> None:
        """End a watch."""
        self._watches.pop(watch, None)

    def current_revision(self) -> int:
        return self._current

    async def latest_revision(self) -> int:
        return await self._call("latest", b"", self.truth.latest_revision)

    def oldest_revision(self) -> int:
        return self.truth.oldest_revision()

    async def get(self, key: bytes, *, revision: int = 0) -> KeyValue | None:
        return await self._call("get", key, lambda: self.truth.get(key, revision=revision))

    async def list(
        self, prefix: bytes, *, limit: int = 0, after: bytes = b"", revision: int = 0
    ) -> Listing:
        return await self._call(
            "list",
            prefix,
            lambda: self.truth.list(prefix, limit=limit, after=after, revision=revision),
        )

    async def count(self, prefix: bytes) -> int:
        return await self._call("count", prefix, lambda: self.truth.count(prefix))

    async def status(self) -> StoreStatus:
        return await self._call("status", b"", self.truth.status)

    async def create(self, key: bytes, value: bytes, *, ttl_s: int = 0) -> int:
        return await self._write("create", key, lambda: self.truth.create(key, value, ttl_s=ttl_s))

    async def update(self, key: bytes, value: bytes, *, expected: int, ttl_s: int = 0) -> int:
        return await self._write(
            "update",
            key,
            lambda: self.truth.update(key, value, expected=expected, ttl_s=ttl_s),
        )

    async def delete(
        self, key: bytes, *, expected: int | None = None, last: bytes | None = None
    ) -> int:
        """As two writes, where there is a last state: another's may come between."""
        if last is not None and expected is not None:
            expected = await self.update(key, last, expected=expected)
            if self.between is not None:
                between, self.between = self.between, None
                await between()
        return await self._write("delete", key, lambda: self.truth.delete(key, expected=expected))

    async def compact(self, revision: int) -> None:
        await self._call("compact", b"", lambda: self.truth.compact(revision))

    def watch(self, prefix: bytes, watcher: Watcher, *, after: int) -> ViewWatch:
        self._check_up()
        watch = ViewWatch(self, prefix, watcher, after)
        self._watches[watch] = None
        if after < self._current:
            asyncio.get_running_loop().call_soon(self._replay, watch)
        return watch

    def _replay(self, watch: ViewWatch) -> None:
        if watch not in self._watches:
            return
        oldest = max(self._floor, self.oldest_revision())
        if watch.position < oldest:
            self.forget(watch)
            watch.watcher.closed(CompactedError(watch.position, oldest))
            return
        self._tell(watch, self._log)

    def _tell(self, watch: ViewWatch, changes: Sequence[Change]) -> None:
        position, watch.position = watch.position, max(watch.position, self._current)
        if position >= self._current:
            return
        told = [
            change
            for change in changes
            if change.revision > position and change.key.startswith(watch.prefix)
        ]
        watch.watcher.deliver(Batch(self._current, tuple(told)))

    def deliver(self, batch: Batch) -> None:
        """Take what the engine tells: first what has happened before, then what happens."""
        if not self._known.is_set():
            self._log.extend(batch.changes)
            self._current = batch.revision
            if batch.revision >= self.truth.current_revision():
                self._known.set()
            return
        self._due.append(batch)
        lag_s = self._drawn(self.lag_s)
        if self.held:
            return
        if lag_s:
            asyncio.get_running_loop().call_later(lag_s, self._learn_one)
        else:
            self.learn()

    def closed(self, error: StoreError) -> None:
        """Take the end of the engine."""
        self.lose(error)

    def _learn_one(self) -> None:
        if self._due and not self.held and self._open:
            self._learn_next()

    def _learn_next(self) -> None:
        """Take the next batch: in one step the revision moves and all watches are told."""
        batch = self._due.pop(0)
        self._log.extend(batch.changes)
        self._current = batch.revision
        for watch in list(self._watches):
            if watch in self._watches:
                self._tell(watch, batch.changes)

    async def _write(self, what: str, key: bytes, write: Callable[[], Awaitable[int]]) -> int:
        if self.unknown:
            self.unknown -= 1
            if self.lost:
                self.lost -= 1
            else:
                await self._call(what, key, write)
            raise UnknownOutcomeError("no answer came")
        return await self._call(what, key, write)

    async def _call(self, what: str, key: bytes, ask: Callable[[], Awaitable[T]]) -> T:
        self._check_up()
        self.calls.append((what, key))
        await self._way()
        try:
            return await ask()
        finally:
            await self._way()

    async def _way(self) -> None:
        if self.call_s:
            await asyncio.sleep(self._drawn(self.call_s))

    def _drawn(self, most_s: float) -> float:
        return self.chance.uniform(0.0, most_s) if self.chance is not None else most_s

    def _check_up(self) -> None:
        if not self._open:
            raise StoreClosedError("the view is closed")
        if self.down:
            raise StoreUnavailableError("no endpoint answers")
