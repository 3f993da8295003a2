"""The memory store with the limits that etcd 2 declares: a stand-in for stores of that sort.

It keeps to what it declares: text alone, no states of old revisions, nothing to compact, a history
of so many changes over all keys. ``clear_index`` has every watch find that history gone, as etcd 2
says with its error 401.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Final, Self

from storage.clock import Clock
from storage.engine.committer import InlineCommitter
from storage.engine.store import EngineStore, Parts
from storage.errors import CompactedError, StoreError, UnsupportedError
from storage.interface import Capabilities, Store, Watch, Watcher
from storage.memory.backend import MemoryBackend
from storage.records import Batch, KeyValue, Listing, StoreStatus
from storage.registry import MEMORY

HISTORY_EVENTS: Final = 1000
LIMITS: Final = MEMORY._replace(
    old_revisions=False,
    history_events=HISTORY_EVENTS,
    history_bytes=None,
    binary_values=False,
    lease_objects=False,
    versions=False,
    compaction=False,
)


class LimitedStore:
    """A ``storage.interface.Store``; what it wraps is in ``within``."""

    def __init__(self, clock: Clock, capabilities: Capabilities = LIMITS) -> None:
        self.capabilities = capabilities
        bounds = MEMORY._replace(history_events=capabilities.history_events)
        committer = InlineCommitter(clock)
        self.within: Store = EngineStore(Parts(MemoryBackend(), committer, clock, bounds))
        self.lists = 0
        """How often it was listed."""
        self._watches: list[_Watching] = []

    def clear_index(self) -> None:
        """Have every watch end: what it wants to hear next is in the history no more."""
        watches, self._watches = self._watches, []
        for watching in watches:
            watching.clear(self.within.current_revision())

    @property
    def watching(self) -> list[_Watching]:
        """The watches that are running."""
        return [each for each in self._watches if not each.over]

    async def __aenter__(self) -> Self:
        await self.within.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.within.__aexit__(*exc_info)

    def create(self, key: bytes, value: bytes, *, ttl_s: int = 0) -> Awaitable[int]:
        if not _is_text(value):
            return Refused(UnsupportedError("text alone"))
        return self.within.create(key, value, ttl_s=ttl_s)

    def update(self, key: bytes, value: bytes, *, expected: int, ttl_s: int = 0) -> Awaitable[int]:
        if not _is_text(value):
            return Refused(UnsupportedError("text alone"))
        return self.within.update(key, value, expected=expected, ttl_s=ttl_s)

    def delete(
        self, key: bytes, *, expected: int | None = None, last: bytes | None = None
    ) -> Awaitable[int]:
        if last is not None and not _is_text(last):
            return Refused(UnsupportedError("text alone"))
        return self.within.delete(key, expected=expected, last=last)

    async def compact(self, revision: int) -> None:
        raise UnsupportedError("there is nothing to compact")

    def current_revision(self) -> int:
        return self.within.current_revision()

    async def latest_revision(self) -> int:
        return await self.within.latest_revision()

    def oldest_revision(self) -> int:
        return self.within.oldest_revision()

    async def get(self, key: bytes, *, revision: int = 0) -> KeyValue | None:
        if revision:
            raise UnsupportedError("no old revisions")
        found = await self.within.get(key)
        return None if found is None else _counted(found)

    async def list(
        self, prefix: bytes, *, limit: int = 0, after: bytes = b"", revision: int = 0
    ) -> Listing:
        if revision:
            raise UnsupportedError("no old revisions")
        self.lists += 1
        found = await self.within.list(prefix, limit=limit, after=after)
        return found._replace(items=[_counted(each) for each in found.items])

    async def count(self, prefix: bytes) -> int:
        return await self.within.count(prefix)

    async def status(self) -> StoreStatus:
        return await self.within.status()

    def watch(self, prefix: bytes, watcher: Watcher, *, after: int) -> Watch:
        watching = _Watching(watcher)
        self._watches.append(watching)
        watching.inner = self.within.watch(prefix, watching, after=after)
        return watching


class _Watching:
    """A watch that can be told that its index is cleared."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.over = False
        self.inner: Watch | None = None

    def clear(self, revision: int) -> None:
        if not self.over:
            self.cancel()
            self._watcher.closed(CompactedError(1, revision))

    def deliver(self, batch: Batch) -> None:
        changes = tuple(
            each._replace(
                version=min(each.version, 2),
                previous=None if each.previous is None else _counted(each.previous),
            )
            for each in batch.changes
        )
        self._watcher.deliver(batch._replace(changes=changes))

    def closed(self, error: StoreError) -> None:
        if not self.over:
            self.over = True
            self._watcher.closed(error)

    def cancel(self) -> None:
        self.over = True
        if self.inner is not None:
            self.inner.cancel()


class Refused:
    """The answer to a write that was not even tried."""

    def __init__(self, error: StoreError) -> None:
        self._error = error

    def __await__(self) -> Generator[object, None, int]:
        return self._fail().__await__()

    async def _fail(self) -> int:
        raise self._error


def _counted(state: KeyValue) -> KeyValue:
    """Return a state whose version only says whether it was ever changed."""
    return state._replace(version=min(state.version, 2))


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in value
