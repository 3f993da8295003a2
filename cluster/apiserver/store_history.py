"""What the store applied, as the watch cache took it in: the history's truth, in revision order.

All that clients say of their writes and watches is judged against this, and this against what the
writers were answered, and against the store itself at the end.
"""

from __future__ import annotations

from typing import Final

from cluster.client.history import HistoryWriter
from cluster.client.history_format import (
    MASK,
    Flag,
    Kind,
    Seen,
    entry_hash,
    key_hash,
)
from serialization.kinds import EVENTS, PODS
from serialization.scheme import Resource
from storage.errors import StoreError
from storage.interface import Store, Watch
from storage.records import Batch
from storage.watchcache.cache import WatchCache
from storage.watchcache.fields import fields_of
from storage.watchcache.objects import CachedObject
from storage.watchcache.resource import ResourceCache

PAGE: Final = 1000
CHANGE: Final = Kind.CHANGE.value
ADDED, MODIFIED, DELETED = Seen.ADDED.value, Seen.MODIFIED.value, Seen.DELETED.value
BOUND, RUNNING = Flag.BOUND.value, Flag.RUNNING.value


class StoreHistory:
    """Writes down every change that the watch cache takes in; ``observe`` is its ``observer``."""

    def __init__(self, history: HistoryWriter) -> None:
        self._history = history
        self._source = history.source(store="applied")
        self._stamp = history.clock.stamp_ns
        self._watch: Watch | None = None
        self._prefixes: tuple[bytes, ...] = ()
        names = fields_of(PODS).names
        self._node_at = names.index("spec.nodeName")
        self._phase_at = names.index("status.phase")

    def observe(
        self,
        resource: Resource,
        revision: int,
        after: CachedObject | None,
        before: CachedObject | None,
    ) -> None:
        """Take one change. Hot: once for every write."""
        now_ns = self._stamp()
        history = self._history
        asked = before.revision if before is not None else 0
        told = after if after is not None else before
        assert told is not None, "an event is about something"
        seen = DELETED if after is None else (MODIFIED if asked else ADDED)
        key = history.stored_once(told.key) if resource is EVENTS else history.stored(told.key)
        node, flags = self._of_pod(told) if resource is PODS else (0, 0)
        ours = (self._source, key, node, 0, asked)
        history.put((CHANGE, seen, 0, flags, 0, *ours, revision, now_ns, now_ns))

    def missed(self, resource: Resource, after: int, upto: int) -> None:
        """Write down that this server cannot tell some changes of a resource (another may)."""
        now_ns = self._stamp()
        what = (self._source, self._history.stored(resource.prefix()), 0, 0, upto, after)
        self._history.put((Kind.LOST, 0, 0, 0, 0, *what, now_ns, now_ns))

    def begin(self, cache: WatchCache) -> None:
        """Write down what is there already: at the revision of each object."""
        store = cache.store
        if store.capabilities.others_write:
            self._prefixes = tuple(each.resource.prefix() for each in cache)
            self._watch = store.watch(b"", self, after=store.oldest_revision())
        for each in cache:
            for run in each.snapshot().slices():
                for obj in run:
                    self._initial(each.resource, obj)

    def deliver(self, batch: Batch) -> None:
        """Take changes of keys that are no resource's: their revisions are no gaps.

        What API servers keep for themselves (``incarnation``, ``allocation.claim_keys``, the rounds
        of ``storage.compactor``), and what else others write into a store that is shared.
        """
        now_ns = self._stamp()
        for change in batch.changes:
            if change.key.startswith(self._prefixes):
                continue
            key = self._history.stored(change.key)
            what = (self._source, key, 0, 0, 0, change.revision)
            self._history.put((Kind.OTHER, 0, 0, 0, 0, *what, now_ns, now_ns))

    def closed(self, error: StoreError) -> None:
        """Take note of nothing: who follows the resources tells of a watch that ended."""

    async def end(self, cache: WatchCache, store: Store) -> None:
        """Write down digests of the watch cache and of the store, resource by resource."""
        if self._watch is not None:
            self._watch.cancel()
        for each in cache:
            if not each.lost:  # else what it holds is old, and known to be
                self._digest_cache(each)
            await self._digest_store(each, store)

    def _initial(self, resource: Resource, obj: CachedObject) -> None:
        now_ns = self._stamp()
        node, flags = self._of_pod(obj) if resource is PODS else (0, 0)
        key = self._history.stored_once(obj.key)
        what = (self._source, key, node, 0, 0, obj.revision)
        self._history.put((Kind.INITIAL, ADDED, 0, flags, 0, *what, now_ns, now_ns))

    def _of_pod(self, obj: CachedObject) -> tuple[int, int]:
        node = obj.fields[self._node_at]
        flags = RUNNING if obj.fields[self._phase_at] == "Running" else 0
        return (self._history.name(node), flags | BOUND) if node else (0, flags)

    def _digest_cache(self, cache: ResourceCache) -> None:
        count = total = 0
        revision = cache.revision
        for run in cache.snapshot().slices():
            count += len(run)
            total += sum(entry_hash(key_hash(obj.key), obj.revision) for obj in run)
        self._digest(cache.resource, (count, total, revision), Flag.CACHE)

    async def _digest_store(self, cache: ResourceCache, store: Store) -> None:
        """Read the store itself, at one revision where it can."""
        prefix, count, total, after, revision = cache.resource.prefix(), 0, 0, b"", 0
        limit = PAGE if store.capabilities.old_revisions else 0
        while True:
            page = await store.list(prefix, limit=limit, after=after, revision=revision)
            revision = page.revision
            count += len(page.items)
            total += sum(entry_hash(key_hash(item.key), item.revision) for item in page.items)
            if not page.remaining:
                break
            after = page.items[-1].key
        self._digest(cache.resource, (count, total, revision), Flag.STORE)

    def _digest(self, resource: Resource, state: tuple[int, int, int], flag: Flag) -> None:
        count, total, revision = state
        now_ns = self._stamp()
        key = self._history.stored(resource.prefix())
        what = (self._source, key, 0, count, total & MASK, revision)
        self._history.put((Kind.DIGEST, 0, 0, flag, 0, *what, now_ns, now_ns))
