"""The cache of one resource: fed by one store watch, read by GET, LIST and WATCH."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, NamedTuple

from google.protobuf.message import Message

from serialization.codecs.interface import Codec
from serialization.scheme import Resource
from storage.errors import CompactedError, StoreClosedError, StoreError
from storage.interface import Store, Watch
from storage.records import Batch, KeyValue
from storage.watchcache.config import CacheConfig
from storage.watchcache.contents import Contents
from storage.watchcache.counters import CacheCounters
from storage.watchcache.dispatch import Dispatcher, EventSink, Subscription
from storage.watchcache.encoder import Encoder
from storage.watchcache.errors import ReinitializingError
from storage.watchcache.events import EventRing, Replay
from storage.watchcache.fields import fields_of
from storage.watchcache.intake import Intake
from storage.watchcache.objects import CachedObject
from storage.watchcache.opening import PAGE, Opening
from storage.watchcache.ordered import Snapshot
from storage.watchcache.selection import Predicate, Selection

logger = logging.getLogger(__name__)

REPLAY_STEP: Final = 256
OPENINGS_MAX: Final = 3
"""How often compaction may overtake the reading of history before that is left alone."""


class Shared(NamedTuple):
    """What the caches of one WatchCache have in common."""

    store: Store
    codec: Codec
    """That of the documents under the store's keys."""
    config: CacheConfig
    counters: CacheCounters
    encoder: Encoder


class ResourceCache:
    """Every object of one resource at its newest applied version, and its recent history.

    It implements the store's ``Watcher``: a write that the store has answered is in here.
    """

    def __init__(
        self,
        resource: Resource,
        shared: Shared,
        *,
        progressed: Callable[[int], None],
        lost: Callable[[ResourceCache], None],
    ) -> None:
        config, counters = shared.config, shared.counters
        self.resource = resource
        self.storage_codec = shared.codec
        """The codec in which reads cost least."""
        self.encode_once = shared.config.encode_once
        """Whether watchers may share bytes; off, each one's events are encoded for it alone."""
        self._store = shared.store
        self._shares_revisions = shared.store.capabilities.shared_revisions
        self._prefix = resource.prefix()
        self._intake = Intake(resource, shared.codec, counters)
        self._encoder = shared.encoder
        self._config = config
        self._counters = counters
        self._progressed = progressed
        self._lost = lost
        self._fields = fields_of(resource)
        ring = EventRing(
            config.history_events, shared.store.current_revision(), config.history_bytes
        )
        self._contents = Contents(self._fields, ring)
        self._dispatcher = Dispatcher(
            self._fields.names, self._fields.indexed, counters, use_index=config.watch_index
        )
        self._opening: Opening | None = None
        """Takes the store's batches until it has come to the present."""
        self._watch: Watch | None = None
        self._stopped = False
        self._told = 0
        """The revision up to which the store's watch has told."""
        self.lost = False
        """Its store watch has ended and it is being listed again: what is here is old. Reads are
        refused, but for ``get``: who calls that looks here first."""

    def __len__(self) -> int:
        return len(self._contents.objects)

    @property
    def revision(self) -> int:
        """The revision up to which everything is in here: the newest applied one."""
        return self._store.current_revision()

    @property
    def floor(self) -> int:
        """The oldest revision from which a watch can start."""
        return self._contents.ring.floor

    @property
    def bytes_held(self) -> int:
        """Sum of the sizes of the objects as they were stored, without their types."""
        return self._contents.bytes_held

    @property
    def history_bytes(self) -> int:
        """Bytes of the versions in the history, as they were stored."""
        return self._contents.ring.bytes_held

    @property
    def watchers(self) -> int:
        """How many subscriptions there are."""
        return len(self._dispatcher)

    def check(self) -> None:
        """Raise ReinitializingError while the resource is being listed again."""
        if self.lost:
            self._counters.refused_reinitializing += 1
            raise ReinitializingError(self.resource.plural)

    def get(self, namespace: str, name: str) -> CachedObject | None:
        """Return the newest applied version, or None."""
        return self._contents.objects.get(self.resource.key(namespace, name))

    def bare(self, obj: CachedObject, codec: Codec) -> bytes:
        """Return an object's bare bytes in ``codec``, resourceVersion included, made once."""
        return self._encoder.bare(self.resource, obj, codec)

    def message(self, obj: CachedObject) -> Message:
        """Return a fresh message of an object, resourceVersion set, to read or to change."""
        return self._encoder.message(self.resource, obj)

    def snapshot(self, namespace: str = "") -> Snapshot:
        """Return all objects, or a namespace's, in key order, as of now; cheap at any size.

        Raises ReinitializingError.
        """
        self.check()
        prefix = self.resource.prefix(namespace if self.resource.namespaced else "")
        return self._contents.objects.snapshot(prefix, self.revision)

    def expect(self, value: bytes, bare: bytes, message: Message) -> None:
        """Say what is about to be written: a document, its bare form and its message.

        The bare form and the message carry no resourceVersion. Optional: it spares decoding the
        document again when the store delivers it.
        """
        self._counters.expected += 1
        self._intake.expect(value, bare, message)

    def unread(self, namespace: str, name: str) -> bool:
        """Tell whether there was a value that cannot be read where an object is looked for."""
        return bool(self._intake.unread) and self.resource.key(namespace, name) in (
            self._intake.unread
        )

    def predicate(self, selection: Selection) -> Predicate:
        """Return the test that a selection applies to this resource's objects."""
        return Predicate(selection, self._fields.names, self._intake.selectable)

    def select(self, selection: Selection) -> Iterator[list[CachedObject]]:
        """Yield the selected objects in key order, in runs of up to 512, as of the call.

        An exact name or node is looked up, a namespace is a range; the rest is filtered as the
        runs are taken, so a caller that awaits between runs never holds the loop for long.
        Raises ReinitializingError.
        """
        self.check()
        selects = self.predicate(selection)
        few = self._looked_up(selection)
        if few is not None:
            return iter([[obj for obj in few if selects(obj)]])
        snapshot = self.snapshot(selection.namespace)
        if selection.whole_scope:
            return snapshot.slices()
        return ([obj for obj in run if selects(obj)] for run in snapshot.slices())

    async def at_revision(
        self, namespace: str, revision: int, after: bytes = b""
    ) -> AsyncIterator[list[CachedObject]]:
        """Yield runs of objects in key order as of an old revision, those behind ``after``.

        Read from the store, page by page; what has not changed since is taken from the cache.
        Raises CompactedError, FutureRevisionError, UnsupportedError.
        """
        prefix = self.resource.prefix(namespace if self.resource.namespaced else "")
        more = True
        while more:
            page = await self._store.list(prefix, limit=PAGE, after=after, revision=revision)
            more = bool(page.remaining)
            if page.items:
                after = page.items[-1].key
                yield [obj for item in page.items if (obj := self._version(item)) is not None]

    def _version(self, item: KeyValue) -> CachedObject | None:
        live = self._contents.objects.get(item.key)
        if live is not None and live.revision == item.revision:
            return live
        return self._intake.take(item.key, item.value, item.revision)

    def resumption(self, after: int) -> int:
        """Return the revision to ``replay`` from for one who was told some changes at ``after``.

        That is ``after``, unless the store's writes share revisions: then nobody knows whether all
        changes of that revision were told, and where it has several they are told again.
        Raises CompactedError where they are gone.
        """
        if not self._shares_revisions:
            return after
        try:
            begin = self._contents.ring.before(after)
        except CompactedError:
            self._counters.too_old += 1
            raise
        self._counters.retold += begin < after
        return begin

    def replay(self, selection: Selection, after: int) -> Replay:
        """Return what a selection saw next after the revision ``after``: a few hundred events.

        Raises CompactedError where the history no longer reaches back, ReinitializingError.
        """
        self.check()
        try:
            events = self._contents.ring.since(after, REPLAY_STEP)
        except CompactedError:
            self._counters.too_old += 1
            raise
        if not events:
            return Replay([], max(after, self.revision), complete=True)
        selects = self.predicate(selection)
        seen = [shown for event in events if (shown := event.seen_by(selects)) is not None]
        complete = events[-1] is self._contents.ring.newest
        reach = self.revision if complete else events[-1].revision
        return Replay(seen, reach, complete)

    def subscribe(self, selection: Selection, sink: EventSink) -> Subscription:
        """Tell ``sink`` of every change after the newest applied revision, until cancelled.

        Raises ReinitializingError.
        """
        self.check()
        subscription = Subscription(selection, self.predicate(selection), sink)
        self._dispatcher.add(subscription)
        return subscription

    async def start(self, together: asyncio.Barrier | None = None) -> None:
        """List the resource, recall its history and follow it; returns once that is complete.

        Until then reads are refused where there was something before. ``together``: between the
        list and the rest it waits for others who start. Raises StoreError.
        """
        config, compacted = self._config, 0
        shared = self._store.capabilities.others_write
        reach = config.recalled_shared if shared else config.recalled_revisions
        for _ in range(OPENINGS_MAX):
            try:
                opening = await self._open(reach, compacted, together)
                break
            except CompactedError as error:  # while history was being read
                compacted, together = error.compacted, None
        else:
            opening = await self._open(0, 0)
        # Who subscribed meanwhile was told nothing of what the list now tells at once.
        self._dispatcher.end_all(None)
        self._contents = opening.contents
        self._counters.recalled += len(opening.contents.ring)
        if self.lost:
            self.lost = False
            self._tell_missed()
        self._told = max(self._told, self.revision)
        self._progressed(self.revision)

    def _tell_missed(self) -> None:
        """Tell the observer what happened while the watch was lost, or that it cannot be told."""
        observer = self._config.observer
        if observer is None:
            return
        ring, after = self._contents.ring, self._told
        if after < ring.floor:
            observer.missed(self.resource, after, ring.floor)
            after = ring.floor
        for event in ring.since(after, len(ring)):
            observer.observe(self.resource, event.revision, event.object, event.previous)

    async def _open(
        self, reach: int, compacted: int, together: asyncio.Barrier | None = None
    ) -> Opening:
        """Return what the cache begins with, at the present. Raises StoreError."""
        opening = Opening(self._store, self._prefix, self._intake, self._config)
        if opening.watches_first:
            opening.reach_back(reach, compacted)
        else:
            await opening.list(self._fields, reach, compacted)
        if together is not None:
            await together.wait()
        if self._stopped:
            raise StoreClosedError("the watch cache has stopped")
        self._opening = opening
        watch = self._watch = self._store.watch(self._prefix, self, after=opening.since)
        try:
            if opening.watches_first:
                await opening.list(self._fields, reach, compacted)
            await opening.present()
        except BaseException:  # the list failed: what the watch tells has nobody to take it
            watch.cancel()
            raise
        finally:
            self._opening = None
        return opening

    def stop(self) -> None:
        """Stop following; every subscription ends."""
        self._stopped = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._opening is not None:
            self._opening.give_up()
        self._dispatcher.end_all(None)

    def deliver(self, batch: Batch) -> None:
        """Take the next changes from the store (``storage.interface.Watcher``)."""
        if self._opening is not None:
            self._opening.deliver(batch)
            return
        self._told = batch.revision
        contents, counters, intake = self._contents, self._counters, self._intake
        observer = self._config.observer
        for change in batch.changes:
            counters.events_received += 1
            key, value, revision = change[:3]
            obj = None if value is None else intake.take(key, value, revision)
            event = contents.apply(change, obj)
            if event is not None:
                if observer is not None:
                    observer.observe(self.resource, event.revision, event.object, event.previous)
                self._dispatcher.dispatch(event)
        self._progressed(batch.revision)

    def closed(self, error: StoreError) -> None:
        """Take the end of the store's watch: watchers are ended, the resource is listed again."""
        self._watch = None
        if self._opening is not None:
            self._opening.closed(error)
            return
        over = isinstance(error, StoreClosedError)
        self.lost = self.lost or not over
        self._dispatcher.end_all(error)
        if not over:
            self._lost(self)

    def _looked_up(self, selection: Selection) -> list[CachedObject] | None:
        """Return the few objects that a selection can be about, in key order; None: not few."""
        name = selection.exact("metadata.name")
        if name is not None and (selection.namespace or not self.resource.namespaced):
            obj = self.get(selection.namespace, name)
            return [] if obj is None else [obj]
        return self._contents.looked_up(selection)
