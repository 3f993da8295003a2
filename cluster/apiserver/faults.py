"""Faults planted into an API server, to see whether those who check it find them. Tests only.

``--fault`` of the API server's process names one. None of them stops a run: a fault that nobody
notices by its effects is the one that a checker is for.

- ``lose-event``: one event of a pod that runs is kept from those who watch all pods;
- ``double-event``: one event of a pod that runs is told to them twice;
- ``stale-read``: every fifth read of a pod that changed lately answers the state before;
- ``lose-write``: one Event is acknowledged and not stored;
- ``drop-watch``: those who watch all pods are cut off once, as if they had read too slowly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Self

from cluster.apiserver.fanout.group import Group
from serialization.kinds import EVENTS, PODS
from storage.errors import StoreError
from storage.interface import Capabilities, Store, Watch, Watcher
from storage.records import KeyValue, Listing, StoreStatus
from storage.watchcache.dispatch import EventSink, Subscription
from storage.watchcache.events import EventType, WatchEvent
from storage.watchcache.fields import fields_of
from storage.watchcache.objects import CachedObject
from storage.watchcache.resource import ResourceCache
from storage.watchcache.selection import Selection

LOSE_EVENT: Final = "lose-event"
DOUBLE_EVENT: Final = "double-event"
STALE_READ: Final = "stale-read"
LOSE_WRITE: Final = "lose-write"
DROP_WATCH: Final = "drop-watch"

STALE_EVERY: Final = 5
LOST_WRITE: Final = 20
"""Which of the Events is lost."""
PHASE: Final = fields_of(PODS).names.index("status.phase")


class TamperedSink:
    """Passes events on, but for one that it loses or doubles."""

    def __init__(self, sink: EventSink, *, times: int) -> None:
        self._sink = sink
        self._times = times
        self._running: set[bytes] = set()
        self._done = False

    def notify(self, event: WatchEvent) -> None:
        times = self._times if not self._done and self._hits(event) else 1
        self._done = self._done or times != 1
        for _ in range(times):
            self._sink.notify(event)

    def ended(self, error: StoreError | None) -> None:
        self._sink.ended(error)

    def _hits(self, event: WatchEvent) -> bool:
        """Whether a pod changes that was told to run before: nobody waits for that."""
        if event.type is not EventType.MODIFIED or event.object.fields[PHASE] != "Running":
            return False
        known = event.object.key in self._running
        self._running.add(event.object.key)
        return known


class LosingCache(ResourceCache):
    """Keeps one event from those who watch all pods."""

    times = 0

    def subscribe(self, selection: Selection, sink: EventSink) -> Subscription:
        if self.resource.message is PODS.message and selection.whole_scope:
            sink = TamperedSink(sink, times=self.times)
        return super().subscribe(selection, sink)


class DoublingCache(LosingCache):
    """Tells them one event twice."""

    times = 2


class DroppingSink:
    """Passes events on, and cuts all watchers of its group off at the first pod that runs."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._done = False

    def notify(self, event: WatchEvent) -> None:
        self._group.notify(event)
        if not self._done and event.object.fields[PHASE] == "Running":
            self._done = True
            for stream in list(self._group.members):
                stream.overflowed()

    def ended(self, error: StoreError | None) -> None:
        self._group.ended(error)


class DroppingCache(ResourceCache):
    """Has those who watch all pods cut off, once."""

    _dropped = False

    def subscribe(self, selection: Selection, sink: EventSink) -> Subscription:
        pods = self.resource.message is PODS.message and selection.whole_scope
        if pods and isinstance(sink, Group) and not self._dropped:
            self._dropped = True
            sink = DroppingSink(sink)
        return super().subscribe(selection, sink)


class StaleCache(ResourceCache):
    """Answers now and then the state before the newest."""

    _reads = 0

    def get(self, namespace: str, name: str) -> CachedObject | None:
        newest = super().get(namespace, name)
        if newest is None or self.resource.message is not PODS.message:
            return newest
        self._reads += 1
        if self._reads % STALE_EVERY:
            return newest
        before = self._before(newest)
        return newest if before is None else before

    def _before(self, newest: CachedObject) -> CachedObject | None:
        """Return the state that a recent change has replaced."""
        recent = self._contents.ring.since(max(self.floor, newest.revision - 1), 1)
        return recent[0].previous if recent and recent[0].object is newest else None


class LosingStore:
    """A store (``storage.interface.Store``) that acknowledges one Event and forgets it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen = 0

    @property
    def capabilities(self) -> Capabilities:
        return self._store.capabilities

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return

    def create(self, key: bytes, value: bytes, *, ttl_s: int = 0) -> Awaitable[int]:
        if key.startswith(EVENTS.prefix()):
            self._seen += 1
            if self._seen == LOST_WRITE:
                return self._forgotten()
        return self._store.create(key, value, ttl_s=ttl_s)

    async def _forgotten(self) -> int:
        return self._store.current_revision()

    def update(self, key: bytes, value: bytes, *, expected: int, ttl_s: int = 0) -> Awaitable[int]:
        return self._store.update(key, value, expected=expected, ttl_s=ttl_s)

    def delete(
        self, key: bytes, *, expected: int | None = None, last: bytes | None = None
    ) -> Awaitable[int]:
        return self._store.delete(key, expected=expected, last=last)

    def compact(self, revision: int) -> Awaitable[None]:
        return self._store.compact(revision)

    def current_revision(self) -> int:
        return self._store.current_revision()

    async def latest_revision(self) -> int:
        return await self._store.latest_revision()

    def oldest_revision(self) -> int:
        return self._store.oldest_revision()

    async def get(self, key: bytes, *, revision: int = 0) -> KeyValue | None:
        return await self._store.get(key, revision=revision)

    async def list(
        self, prefix: bytes, *, limit: int = 0, after: bytes = b"", revision: int = 0
    ) -> Listing:
        return await self._store.list(prefix, limit=limit, after=after, revision=revision)

    async def count(self, prefix: bytes) -> int:
        return await self._store.count(prefix)

    async def status(self) -> StoreStatus:
        return await self._store.status()

    def watch(self, prefix: bytes, watcher: Watcher, *, after: int) -> Watch:
        return self._store.watch(prefix, watcher, after=after)


CACHES: Final[dict[str, type[ResourceCache]]] = {
    LOSE_EVENT: LosingCache,
    DOUBLE_EVENT: DoublingCache,
    STALE_READ: StaleCache,
    DROP_WATCH: DroppingCache,
}
STORES: Final[dict[str, Callable[[Store], Store]]] = {LOSE_WRITE: LosingStore}
FAULTS: Final = (*CACHES, *STORES)


def faulty_cache(fault: str) -> type[ResourceCache]:
    """Return the cache of a server with a fault, or without."""
    return CACHES.get(fault, ResourceCache)


def faulty_store(fault: str, store: Store) -> Store:
    """Return the store of a server with a fault, or without."""
    return STORES[fault](store) if fault in STORES else store
