"""Informers: caches that follow the server and tell sinks of every change.

What a sink may assume: it is told on the loop, synchronously and in order, after the cache has
changed, so that what the lister says is never older than what the sink is told. States may be
missed (a relist shows only the newest), objects are never: one that was deleted meanwhile is told
as deleted with its last known state, one that was deleted and made again under its name as an
update with a new uid. An event that repeats a known version is not told.

``InformerFactory`` gives one informer per (resource, selection), or with ``shared=False`` a new one
each time, so that every controller lists and watches for itself; its counters show the difference.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Generic, Self, TypeVar, cast

from google.protobuf.message import Message

from cluster.client.history import HistoryWriter
from cluster.client.history_follower import Follower
from cluster.client.history_format import Flag
from cluster.client.indexer import Entry, EntryMaker, Indexer, SharedSets
from cluster.client.interface import (
    EVERYTHING,
    ApiClient,
    CachedObject,
    EventSink,
    Informer,
    Lister,
    RawEvent,
    Selection,
)
from cluster.client.reflector import Reflector, ReflectorCounters, ReflectorOptions
from serialization.scheme import Resource
from storage.clock import Clock

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)

LIST_CHUNK: Final = 256
"""How many objects of a list are applied before the loop gets a turn: 1 ms of protobuf."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Where informers get their objects from, and how."""

    client: ApiClient
    clock: Clock
    options: ReflectorOptions = field(default_factory=ReflectorOptions)
    history: HistoryWriter | None = None
    """Where to write down what they see; None: nowhere."""
    sets: SharedSets = field(default_factory=SharedSets)


class SharedInformer(Generic[M]):
    """One reflector, one cache, any number of sinks (``interface.Informer``)."""

    def __init__(
        self,
        feed: Feed,
        resource: Resource,
        message: type[M],
        selection: Selection,
        chance: random.Random,
    ) -> None:
        client = feed.client
        self._clock = feed.clock
        self._maker = EntryMaker[M](lambda bare: client.decode(message, bare), feed.sets)
        self._indexer = Indexer[M]()
        self._sinks: list[EventSink[M]] = []
        self._synced = asyncio.Event()
        self._name = f"{resource.plural} {selection}"
        self._follower: Follower | None = None
        if feed.history is not None:
            self._follower = Follower(feed.history, resource, selection)
        self._reflector = Reflector(
            client, resource, self, chance, selection=selection, options=feed.options
        )
        self._reflector.follower = self._follower

    @property
    def lister(self) -> Lister[M]:
        return self._indexer

    @property
    def counters(self) -> ReflectorCounters:
        """How often it has listed and watched, and what came."""
        return self._reflector.counters

    def subscribe(self, sink: EventSink[M]) -> None:
        self._sinks.append(sink)
        for entry in self._indexer.list():
            sink.added(entry)

    def add_index(self, name: str, values: Callable[[CachedObject[M]], Iterable[str]]) -> None:
        self._indexer.add_index(name, values)

    async def wait_synced(self) -> None:
        await self._synced.wait()

    async def run(self) -> None:
        """Follow the server until cancelled."""
        await self._reflector.run()

    def record_state(self, flags: Flag = Flag.FOLLOWER) -> None:
        """Write the digest of the cache into the history, if there is one."""
        if self._follower is not None and self._synced.is_set():
            entries = self._indexer.list()
            self._follower.holds(((each.key, each.resource_version) for each in entries), flags)

    # reflector.Target

    async def replace(self, items: list[bytes]) -> None:
        gone = self._indexer.keys()
        received_ns = self._clock.stamp_ns()
        for start in range(0, len(items), LIST_CHUNK):
            for bare in items[start : start + LIST_CHUNK]:
                entry = self._maker.entry(bare, received_ns)
                gone.discard(entry.key)
                self._put(entry)
            if start + LIST_CHUNK < len(items):
                await asyncio.sleep(0)
        for key in sorted(gone):
            if (last := self._indexer.remove(key)) is not None:
                self._tell_deleted(last)
        self._synced.set()
        self.record_state(Flag.NONE)

    def apply(self, events: list[RawEvent]) -> str:
        revision = ""
        for event in events:
            if event.type == "BOOKMARK":
                self.counters.bookmarks += 1
                revision = self._maker.resource_version(event.bare)
                if self._follower is not None:
                    self._follower.promised(revision, event.received_ns)
                continue
            entry = self._maker.entry(event.bare, event.received_ns)
            revision = entry.resource_version
            if self._follower is not None:
                self._follower.took(event.type, entry, event.received_ns)
            if event.type == "DELETED":
                if self._indexer.remove(entry.key) is not None:
                    self._tell_deleted(entry)
            else:
                self._put(entry)
        return revision

    def _put(self, entry: Entry[M]) -> None:
        old = self._indexer.get(entry.key)
        if old is not None and old.resource_version == entry.resource_version:
            return
        self._indexer.put(entry)
        for sink in self._sinks:
            try:
                if old is None:
                    sink.added(entry)
                else:
                    sink.updated(old, entry)
            except Exception:  # a sink must not raise; the others are told all the same
                logger.exception("%s: a sink failed", self._name)
        entry.settle()

    def _tell_deleted(self, last: Entry[M]) -> None:
        for sink in self._sinks:
            try:
                sink.deleted(last)
            except Exception:  # as above
                logger.exception("%s: a sink failed", self._name)
        last.settle()


class InformerFactory:
    """Makes and runs informers (``interface.InformerSource``); leaving it stops them all."""

    def __init__(
        self,
        client: ApiClient,
        clock: Clock,
        chance: random.Random,
        *,
        shared: bool = True,
        options: ReflectorOptions | None = None,
        history: HistoryWriter | None = None,
    ) -> None:
        self._feed = Feed(client, clock, options or ReflectorOptions(), history)
        self._chance = chance
        self._shared = shared
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []
        self._informers: list[SharedInformer[Message]] = []
        self._by_query: dict[tuple[Resource, Selection], SharedInformer[Message]] = {}

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if exc_type is not asyncio.CancelledError:
            # Its own errors leave the caller's block as they are, not as an ExceptionGroup.
            exc_type = exc = traceback = None
        await self._group.__aexit__(exc_type, exc, traceback)

    def informer(
        self, resource: Resource, message: type[M], selection: Selection = EVERYTHING
    ) -> Informer[M]:
        query = (resource, selection)
        if self._shared and query in self._by_query:
            return cast("Informer[M]", self._by_query[query])
        chance = random.Random(self._chance.getrandbits(64))
        informer = SharedInformer(self._feed, resource, message, selection, chance)
        kept = cast("SharedInformer[Message]", informer)
        self._informers.append(kept)
        self._by_query.setdefault(query, kept)
        self._tasks.append(self._group.create_task(informer.run()))
        return informer

    def counters(self) -> ReflectorCounters:
        """Return what all informers together have asked and got."""
        total = ReflectorCounters()
        for informer in self._informers:
            total.add(informer.counters)
        return total

    def record_states(self) -> None:
        """Write the digests of all caches into the history, if there is one."""
        for informer in self._informers:
            informer.record_state()

    @property
    def queries(self) -> int:
        """How many different things are asked for: as many informers as there are when shared."""
        return len(self._by_query)

    def __len__(self) -> int:
        """Return how many informers there are."""
        return len(self._informers)
