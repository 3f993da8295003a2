"""The watch cache over a store: a ResourceCache for every resource, waiting for revisions."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final, Self

from google.protobuf.message import Message

from serialization.codecs.interface import Codec
from serialization.scheme import Resource
from storage.errors import FutureRevisionError, StoreClosedError, StoreError
from storage.interface import Store
from storage.watchcache.config import CacheConfig
from storage.watchcache.counters import CacheCounters
from storage.watchcache.encoder import Encoder
from storage.watchcache.errors import NotCachedError
from storage.watchcache.freshness import Freshness
from storage.watchcache.resource import ResourceCache, Shared

logger = logging.getLogger(__name__)

RETRY_S: Final = 1.0
LOOK_S: Final = 0.02
"""How often it is looked, while a read waits, how far a store is that others write to. Changes of
resources wake who waits; of those under other keys, claims and foreign kinds, no watch here tells.
"""
LEFT_MAX: Final = 64
"""So many futures of revisions, left by those who waited, are kept whatever else waits."""


class WatchCache:
    """Reads of everything that the API serves; complete from ``async with`` on.

    Usage by a verb that reads, changes and writes::

        cached = cache.of(PODS).get(namespace, name)
        pod = cache.of(PODS).message(cached)       # a fresh message, resourceVersion set
        await store.update(cached.key, value, expected=cached.revision)

    A write that the store has answered is in the cache (see ``storage.interface``).
    """

    def __init__(
        self,
        store: Store,
        codec: Codec,
        resources: Iterable[Resource],
        config: CacheConfig | None = None,
        *,
        cache_type: type[ResourceCache] = ResourceCache,
    ) -> None:
        self.store = store
        self.codec = codec
        """The storage codec: that of the documents under the store's keys."""
        self.config = config or CacheConfig()
        self.counters = CacheCounters()
        self.opening: dict[type[Message], asyncio.Task[None]] = {}
        """What cannot be read yet (``CacheConfig.late``); soon empty."""
        self.others_write = store.capabilities.others_write
        """Reads of the newest state begin with ``catch_up``, and a state that is judged here may
        be an old one."""
        self.losses = 0
        """How many resources are being listed again; reads of them are refused."""
        self._stopped = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._left = 0
        """How many of those that wait have been left since they were last looked through."""
        self._order = count()
        self._tasks = asyncio.TaskGroup()
        self._freshness = Freshness(store, self.counters, self._tasks.create_task)
        self._looking: asyncio.TimerHandle | None = None
        encoder = Encoder(codec, self.counters, self.config)
        shared = Shared(store, codec, self.config, self.counters, encoder)
        self._caches = {  # by message: a Resource hashes all its fields on every look-up
            resource.message: cache_type(
                resource,
                shared,
                progressed=self._progressed,
                lost=self._resync,
            )
            for resource in resources
            if resource.list_message is not None
        }

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        late = self.config.late
        await self._open_all([each for kind, each in self._caches.items() if kind not in late])
        for message, cache in self._caches.items():
            if message in late:
                self.opening[message] = self._tasks.create_task(self._open_late(message, cache))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._stopped = True
        if self._looking is not None:
            self._looking.cancel()
        for cache in self._caches.values():
            cache.stop()
        for task in self.opening.values():
            task.cancel()
        for _revision, _order, future in self._waiting:
            future.cancel()
        await self._tasks.__aexit__(None, None, None)

    def __iter__(self) -> Iterator[ResourceCache]:
        return iter(self._caches.values())

    @property
    def revision(self) -> int:
        """The newest applied revision: everything up to it is in the cache."""
        return self.store.current_revision()

    @property
    def waiting(self) -> int:
        """How many futures of revisions are kept, some of which may have been left."""
        return len(self._waiting)

    def of(self, resource: Resource) -> ResourceCache:
        """Return the cache of a resource. Raises NotCachedError."""
        try:
            return self._caches[resource.message]
        except KeyError:
            raise NotCachedError(f"{resource.plural} are not cached") from None

    @property
    def lost(self) -> list[str]:
        """Which resources are being listed again, by plural: reads of them are refused."""
        return [each.resource.plural for each in self._caches.values() if each.lost]

    async def catch_up(self) -> None:
        """Return once all that was acknowledged before the call, by whomever, is in the cache.

        For stores that others write to; on any other it is so already (see ``others_write``).
        Raises FutureRevisionError after ``wait_s``, and StoreUnavailableError, StoreClosedError.
        """
        if self._stopped:
            raise StoreClosedError("the watch cache has stopped")
        await self.wait_for(await self._freshness.latest())

    async def wait_for(self, revision: int) -> None:
        """Return once ``revision`` is in the cache. Raises FutureRevisionError after ``wait_s``."""
        if revision <= self.revision:
            return
        try:
            async with asyncio.timeout(self.config.wait_s):
                await self.reached(revision)
        except TimeoutError:
            if revision > self.revision:  # progress under keys that no resource has goes untold
                raise FutureRevisionError(revision, self.revision) from None

    def reached(self, revision: int) -> asyncio.Future[None]:
        """Return a future that is resolved once ``revision`` is in the cache; cancel it if left."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if revision <= self.revision:
            future.set_result(None)
        else:
            heapq.heappush(self._waiting, (revision, next(self._order), future))
            future.add_done_callback(self._note_left)
            if self.others_write and self._looking is None:
                self._look_later()
        return future

    def _note_left(self, future: asyncio.Future[None]) -> None:
        """Forget those that were left: a revision from far in the future may never come."""
        if not future.cancelled():
            return
        self._left += 1
        if self._left > LEFT_MAX and 2 * self._left > len(self._waiting):
            self._waiting = [each for each in self._waiting if not each[2].done()]
            heapq.heapify(self._waiting)
            self._left = 0

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        """Wake those who wait for a revision that was a change of no resource's."""
        self._looking = None
        self._progressed(self.revision)
        if self._waiting:
            self._look_later()

    def _progressed(self, revision: int) -> None:
        waiting = self._waiting
        while waiting and waiting[0][0] <= revision:
            _revision, _order, future = heapq.heappop(waiting)
            if not future.done():
                future.set_result(None)

    def _resync(self, cache: ResourceCache) -> None:
        self.counters.resyncs += 1
        self.losses += 1
        self._tasks.create_task(self._start_after_loss(cache))

    async def _start_after_loss(self, cache: ResourceCache) -> None:
        try:
            await self._start_again(cache)
        finally:
            self.losses -= 1

    async def opened(self, message: type[Message] | None = None) -> None:
        """Return once a resource, or every one, can be read: those that open late are awaited.

        Raises StoreClosedError where the cache has stopped before.
        """
        tasks = [task for each, task in self.opening.items() if message in {None, each}]
        if tasks:
            await asyncio.wait(tasks)
        if any(task.cancelled() for task in tasks):
            raise StoreClosedError("the watch cache has stopped")

    async def _open_all(self, caches: list[ResourceCache]) -> None:
        """Open caches: where that is a conversation, all at once.

        They begin to watch together, so that a store that reads its history anew for each watch
        that begins in the past can read it once.
        """
        if not self.others_write:
            for cache in caches:
                await cache.start()
            return
        together = asyncio.Barrier(len(caches))
        try:
            async with asyncio.TaskGroup() as group:
                for cache in caches:
                    group.create_task(cache.start(together))
        except ExceptionGroup as failed:  # one says why; the others were given up for it
            raise failed.exceptions[0] from None

    async def _open_late(self, message: type[Message], cache: ResourceCache) -> None:
        try:
            await self._start_again(cache)
        finally:
            del self.opening[message]

    async def _start_again(self, cache: ResourceCache) -> None:
        while True:
            try:
                await cache.start()
            except StoreClosedError:
                return
            except StoreError as error:
                logger.warning("%s cannot be listed again: %s", cache.resource.plural, error)
                await asyncio.sleep(RETRY_S)
            except Exception:  # else this one failure would end the server
                logger.exception("%s cannot be listed again", cache.resource.plural)
                await asyncio.sleep(RETRY_S)
            else:
                return
