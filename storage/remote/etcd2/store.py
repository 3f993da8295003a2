"""A ``Store`` over a real etcd 2, or whatever speaks its HTTP protocol.

**What it promises beyond the contract, or less.** Others may write to the same etcd
(``others_write``): ``current_revision`` is what the one watch over everything has told,
``latest_revision`` asks etcd. A write is judged by etcd, not at the call (``ordered_writes`` is
False). Its answer, also a conflict, waits until the watch has told what it was judged by. What etcd
2 cannot do is declared: no old revisions, no compaction, a history of a thousand changes, text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Final, Self

from storage.errors import (
    StoreClosedError,
    StoreError,
    StoreOpenError,
    StoreUnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
)
from storage.etcd2.model import HISTORY_EVENTS
from storage.interface import Capabilities, Watch, Watcher
from storage.records import Change, KeyValue, Listing, StoreStatus
from storage.remote.etcd2.catch_up import CatchUp
from storage.remote.etcd2.failures import CallError, RefusedError, failure
from storage.remote.etcd2.feed import Feed
from storage.remote.etcd2.keys import KeySpace
from storage.remote.etcd2.link import Link
from storage.remote.etcd2.reads import Reader
from storage.remote.etcd2.writes import JudgedError, Writer
from storage.remote.late import LateWatches
from storage.remote.url import RemoteUrl

REMOTE_ETCD2: Final = Capabilities(
    durable=True,
    old_revisions=False,
    history_events=HISTORY_EVENTS,
    history_bytes=None,
    binary_values=False,
    leases=True,
    lease_objects=False,
    shared_revisions=False,
    others_write=True,
    ordered_writes=False,
    given_clock=False,
    tree_keys=True,
    versions=False,
    compaction=False,
    dense_revisions=False,
)

CLOSE_S: Final = 5.0
"""How long the writes that are under way may take when a store is closed."""


class _Open:
    """What there is while a store is open."""

    def __init__(self, url: RemoteUrl) -> None:
        self.keys = KeySpace(url.prefix)
        self.link = Link(url)
        self.feed = Feed(self.link, self.keys)
        self.late = LateWatches(self.feed)
        self.catch_up = CatchUp(self.link, self.keys, self.feed, self.late)
        self.reader = Reader(self.link, self.keys, self.feed)
        self.writer = Writer(self.link, self.keys, self.feed, self.reader)
        self.under_way: set[asyncio.Future[int]] = set()
        """Answers to writes that are not there yet."""
        self.writing: set[asyncio.Task[None]] = set()
        """Who waits for etcd to judge one."""

    def counters(self) -> Mapping[str, float]:
        told = self.feed.counters
        return {
            "store_calls_http": self.link.calls,
            "store_client_writes": self.writer.writes,
            "store_requests": self.writer.requests,
            "store_polls": told.polls,
            "store_streams": told.streams,
            "store_streams_too_late": told.streams_too_late,
            "store_streams_broken": told.streams_broken,
            "store_index_cleared": told.cleared,
            "store_marks": told.marks,
            "store_replays": self.catch_up.replays,
            "store_failovers": self.link.rotation.failovers,
        }


class RemoteStore:
    """A remote etcd 2 as a ``Store``."""

    def __init__(self, url: RemoteUrl) -> None:
        self._url = url
        self._opened: _Open | None = None
        self._counted: Mapping[str, float] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._running: list[asyncio.Task[None]] = []

    @property
    def capabilities(self) -> Capabilities:
        return REMOTE_ETCD2

    async def __aenter__(self) -> Self:
        """Connect. Raises StoreUnavailableError, StoreUrlError, StoreOpenError."""
        try:
            opened = _Open(self._url)
        except UnsupportedError as error:
            raise StoreOpenError(f"{self._url.redacted}: {error}") from error
        async with AsyncExitStack() as undo:
            undo.push_async_callback(opened.link.close)
            undo.callback(opened.feed.close, StoreClosedError("the store was not opened"))
            try:
                await opened.feed.open()
            except CallError as error:
                words = f"cannot reach {self._url.redacted}: {error}"
                raise StoreUnavailableError(words) from error
            except RefusedError as error:
                raise StoreOpenError(f"{self._url.redacted} refuses: {error}") from error
            undo.pop_all()
        self._opened = opened
        self._tasks = await asyncio.TaskGroup().__aenter__()
        self._running = [
            self._tasks.create_task(each)
            for each in (opened.feed.run(), opened.feed.keep_marking(), opened.catch_up.run())
        ]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        opened, tasks = self._opened, self._tasks
        if opened is None or tasks is None:
            return
        self._opened = self._tasks = None
        try:
            if opened.under_way:
                await asyncio.wait(opened.under_way, timeout=CLOSE_S)
        finally:
            await self._close(opened, tasks)

    async def _close(self, opened: _Open, tasks: asyncio.TaskGroup) -> None:
        self._counted = opened.counters()
        for task in [*self._running, *opened.writing]:
            task.cancel()
        await tasks.__aexit__(None, None, None)
        closed = StoreClosedError("the store has been closed")
        opened.late.close(closed)
        opened.feed.close(closed)
        await opened.link.close()

    def current_revision(self) -> int:
        return self._open().feed.last

    def oldest_revision(self) -> int:
        return self._open().feed.compacted

    async def latest_revision(self) -> int:
        return await self._open().reader.latest_revision()

    async def get(self, key: bytes, *, revision: int = 0) -> KeyValue | None:
        return await self._open().reader.get(key, revision)

    async def list(
        self, prefix: bytes, *, limit: int = 0, after: bytes = b"", revision: int = 0
    ) -> Listing:
        return await self._open().reader.list(prefix, limit, after, revision)

    async def count(self, prefix: bytes) -> int:
        return await self._open().reader.count(prefix)

    async def status(self) -> StoreStatus:
        """Return sizes and counters, as of what the feed has told.

        Keys and bytes are those of this key space, counted by a listing the first time that they
        are asked for (see ``sizes``); etcd 2 does not tell how much room its disk holds. ``writes``
        and ``commits`` are this store's own writes, and the requests for them.
        """
        opened = self._open()
        feed = opened.feed
        await opened.reader.latest_revision()  # who asks wants to know whether it is there
        if not feed.sizes.known:
            await self._count(opened)
        return StoreStatus(
            revision=feed.last,
            compact_revision=feed.compacted,
            keys=feed.sizes.keys,
            logical_bytes=feed.sizes.logical_bytes,
            disk_bytes=0,
            alarm=opened.link.alarm,
            commits=opened.writer.requests,
            writes=opened.writer.writes,
        )

    def counters(self) -> Mapping[str, float]:
        """Return what has gone over the wire, of a store that has been closed, too."""
        return self._counted if self._opened is None else self._opened.counters()

    def create(self, key: bytes, value: bytes, *, ttl_s: int = 0) -> Awaitable[int]:
        opened = self._opened
        return self._start(None if opened is None else opened.writer.create(key, value, ttl_s))

    def update(self, key: bytes, value: bytes, *, expected: int, ttl_s: int = 0) -> Awaitable[int]:
        opened = self._opened
        if opened is None:
            return self._start(None)
        return self._start(opened.writer.update(key, value, expected, ttl_s))

    def delete(
        self, key: bytes, *, expected: int | None = None, last: bytes | None = None
    ) -> Awaitable[int]:
        opened = self._opened
        if opened is None:
            return self._start(None)
        if last is None:
            return self._start(opened.writer.delete(key, expected))
        return self._start(opened.writer.retire(key, expected, last))

    async def compact(self, revision: int) -> None:
        self._open()
        raise UnsupportedError(
            f"etcd 2 does not compact (revision {revision}): its history is bounded by itself"
        )

    def watch(self, prefix: bytes, watcher: Watcher, *, after: int) -> Watch:
        opened = self._open()
        if after >= opened.feed.last:
            return opened.feed.hub.add(prefix, watcher, after)
        return opened.late.add(prefix, watcher, after)

    def _open(self) -> _Open:
        if self._opened is None:
            raise StoreClosedError("the store is not open")
        return self._opened

    @staticmethod
    async def _count(opened: _Open) -> None:
        feed = opened.feed
        begun = feed.last
        listing = await opened.reader.list(b"", 0, b"", 0)
        if feed.ring.floor <= begun:  # else so much has happened meanwhile: the next call counts
            since, upto = list[Change](), begun
            while upto < feed.last:
                upto, changes = feed.ring.page(b"", upto, feed.last)
                since += changes
            feed.sizes.count(listing.items, listing.revision, since)

    def _start(self, write: Coroutine[object, object, int] | None) -> asyncio.Future[int]:
        """Send a write now; the future is its answer, whatever becomes of the caller."""
        opened, tasks = self._opened, self._tasks
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if opened is None or tasks is None or write is None:
            future.set_exception(StoreClosedError("the store is not open"))
            return future
        opened.under_way.add(future)
        future.add_done_callback(opened.under_way.discard)
        task = tasks.create_task(_carry_out(opened, future, write))
        opened.writing.add(task)
        task.add_done_callback(opened.writing.discard)
        return future


async def _carry_out(
    opened: _Open, future: asyncio.Future[int], write: Coroutine[object, object, int]
) -> None:
    feed, room = opened.feed, opened.writer.room
    try:
        await room.acquire()
    except asyncio.CancelledError:
        write.close()
        feed.fail(future, StoreClosedError("closed before the write was sent"), 0)
        raise
    future.add_done_callback(lambda _: room.release())
    try:
        revision = await write
    except JudgedError as judged:
        feed.fail(future, judged.error, judged.revision)
    except StoreError as error:
        feed.fail(future, error, 0)
    except (CallError, RefusedError) as error:
        feed.fail(future, failure(error), 0)
    except asyncio.CancelledError:
        feed.fail(future, UnknownOutcomeError("closed while the write was under way"), 0)
        raise
    else:
        feed.acknowledge(future, revision)
