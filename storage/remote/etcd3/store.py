"""A ``Store`` over a real etcd, or whatever speaks its protocol.

**What it promises beyond the contract, or less.** Others may write to the same etcd
(``others_write``): ``current_revision`` is what the one watch over the whole key space has told,
``latest_revision`` asks etcd. A write is judged by etcd, not at the call: writes that are on their
way at the same time happen in any order (``ordered_writes`` is False). Its answer, also a conflict,
waits until the watch has told the revision at which it was judged.

**Where nobody knows whether a write has happened** (``UnknownOutcomeError``): see ``writes``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Final, Self

from serialization.api.etcd import rpc_pb2 as rpc
from storage.clock import Clock
from storage.errors import (
    CompactedError,
    StoreClosedError,
    StoreError,
    StoreOpenError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from storage.interface import Capabilities, Watch, Watcher
from storage.records import KeyValue, Listing, StoreStatus
from storage.remote.etcd3.batches import Batches
from storage.remote.etcd3.catch_up import CatchUp
from storage.remote.etcd3.failures import COMPACTED, CallError, write_refusal
from storage.remote.etcd3.feed import Feed
from storage.remote.etcd3.keys import KeySpace
from storage.remote.etcd3.leases import TtlLeases
from storage.remote.etcd3.link import Link
from storage.remote.etcd3.ownership import Ownership, check_unowned
from storage.remote.etcd3.reads import Reader
from storage.remote.etcd3.rpc import COMPACT, STATUS
from storage.remote.etcd3.writes import JudgedError, Writer
from storage.remote.late import LateWatches
from storage.remote.url import RemoteUrl

REMOTE_ETCD3: Final = Capabilities(
    durable=True,
    old_revisions=True,
    history_events=None,
    history_bytes=None,
    binary_values=True,
    leases=True,
    lease_objects=False,
    shared_revisions=False,
    others_write=True,
    ordered_writes=False,
    given_clock=False,
)


CLOSE_S: Final = 5.0
"""How long the writes that are under way may take when a store is closed."""


def capabilities_of(url: RemoteUrl) -> Capabilities:
    """Return what a store at this address declares."""
    return REMOTE_ETCD3._replace(shared_revisions=url.batch)


class _Open:
    """What there is while a store is open."""

    def __init__(self, url: RemoteUrl, clock: Clock) -> None:
        self.client = url.client
        self.link = Link(url)
        self.keys = KeySpace(url.prefix.encode())
        self.feed = Feed(self.link, self.keys)
        self.late = LateWatches(self.feed)
        self.catch_up = CatchUp(self.link, self.keys, self.feed, self.late)
        self.reader = Reader(self.link, self.keys, self.feed)
        self.owner = Ownership(self.link) if url.batch else None
        self.batches = Batches(self.link, self.owner) if self.owner is not None else None
        if self.batches is not None:
            self.link.on_turn(self.batches.overtake)
        self.writer = Writer(self.link, self.keys, self.feed, self.reader, self.batches)
        self.leases = TtlLeases(self.link, clock)
        self.under_way: set[asyncio.Future[int]] = set()
        """Answers to writes that are not there yet."""
        self.writing: set[asyncio.Task[None]] = set()
        """Who waits for etcd to judge one."""

    def counters(self) -> Mapping[str, float]:
        batches, owner = self.batches, self.owner
        return {
            f"store_calls_{self.client}": self.link.calls,
            "store_client_writes": self.writer.writes,
            "store_txns": self.writer.txns,
            "store_batches": 0 if batches is None else batches.batches,
            "store_batched_writes": 0 if batches is None else batches.batched_writes,
            "store_shared_writes": 0 if batches is None else batches.shared,
            "store_batches_overtaken": 0 if batches is None else batches.overtaken,
            "store_batches_refused": 0 if batches is None else batches.refused,
            "store_owner_losses": 0 if owner is None else owner.losses,
        }


class RemoteStore:
    """A remote etcd as a ``Store``."""

    def __init__(self, url: RemoteUrl, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._opened: _Open | None = None
        self._counted: Mapping[str, float] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._running: list[asyncio.Task[None]] = []

    @property
    def capabilities(self) -> Capabilities:
        return capabilities_of(self._url)

    async def __aenter__(self) -> Self:
        """Connect. Raises StoreUnavailableError, StoreUrlError, StoreOpenError.

        The last where the etcd is another API server's, which batches (see ``ownership``).
        """
        opened = _Open(self._url, self._clock)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(opened.link.close)
            opened.link.open()
            try:
                await opened.link.sign_in()
                if opened.owner is None:
                    await check_unowned(opened.link)
                else:
                    undo.push_async_callback(opened.owner.release)
                    await opened.owner.claim()
                await opened.feed.begin()
                await opened.reader.find_compacted()
            except CallError as error:
                raise self._refused(error) from error
            undo.pop_all()
        self._opened = opened
        self._tasks = await asyncio.TaskGroup().__aenter__()
        self._running = [
            self._tasks.create_task(opened.feed.run()),
            self._tasks.create_task(opened.catch_up.run()),
        ]
        if opened.owner is not None:
            self._running.append(self._tasks.create_task(opened.owner.keep()))
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
        if opened.owner is not None:
            await opened.owner.release()
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
        """Return sizes and counters.

        ``logical_bytes`` is what etcd's database has in use (history and all), since etcd does not
        tell more; ``writes`` and ``commits`` are this store's own writes, and its Txns.
        """
        opened = self._open()
        try:
            answer = await opened.link.read(STATUS, rpc.StatusRequest())
        except CallError as error:
            raise write_refusal(error) from error
        return StoreStatus(
            revision=opened.feed.last,
            compact_revision=opened.feed.compacted,
            keys=await opened.reader.count(b""),
            logical_bytes=answer.dbSizeInUse or answer.dbSize,
            disk_bytes=answer.dbSize,
            alarm="; ".join(answer.errors),
            commits=opened.writer.txns,
            writes=opened.writer.writes,
        )

    def counters(self) -> Mapping[str, float]:
        """Return what has gone over the wire, of a store that has been closed, too.

        ``store_batches`` are the Txns of several writes; where nothing is joined they are 0.
        """
        return self._counted if self._opened is None else self._opened.counters()

    def create(self, key: bytes, value: bytes, *, ttl_s: int = 0) -> Awaitable[int]:
        opened = self._opened
        if opened is None:
            return _refuse()
        if ttl_s:
            return self._start(
                opened.leases.attach(key, ttl_s, lambda id_: opened.writer.create(key, value, id_))
            )
        return self._start(opened.writer.create(key, value, 0))

    def update(self, key: bytes, value: bytes, *, expected: int, ttl_s: int = 0) -> Awaitable[int]:
        opened = self._opened
        if opened is None:
            return _refuse()
        if ttl_s:
            return self._start(
                opened.leases.attach(
                    key, ttl_s, lambda id_: opened.writer.update(key, value, expected, id_)
                )
            )
        return self._start(opened.writer.update(key, value, expected, 0))

    def delete(
        self, key: bytes, *, expected: int | None = None, last: bytes | None = None
    ) -> Awaitable[int]:
        opened = self._opened
        if opened is None:
            return _refuse()
        if last is None:
            return self._start(opened.writer.delete(key, expected))
        return self._start(opened.writer.retire(key, expected, last))

    async def compact(self, revision: int) -> None:
        opened = self._open()
        if revision <= opened.feed.compacted:
            raise CompactedError(revision, opened.feed.compacted)
        try:
            await opened.link.read(COMPACT, rpc.CompactionRequest(revision=revision))
        except CallError as error:
            if COMPACTED in error.details:
                await opened.reader.find_compacted()
            raise opened.reader.failure(error, revision) from error
        opened.feed.compacted = max(opened.feed.compacted, revision)

    def watch(self, prefix: bytes, watcher: Watcher, *, after: int) -> Watch:
        opened = self._open()
        if after >= opened.feed.last:
            return opened.feed.hub.add(prefix, watcher, after)
        return opened.late.add(prefix, watcher, after)

    def _open(self) -> _Open:
        if self._opened is None:
            raise StoreClosedError("the store is not open")
        return self._opened

    def _start(self, write: Coroutine[object, object, int]) -> asyncio.Future[int]:
        """Send a write now; the future is its answer, whatever becomes of the caller."""
        opened, tasks = self._opened, self._tasks
        assert opened is not None
        assert tasks is not None
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        opened.under_way.add(future)
        future.add_done_callback(opened.under_way.discard)
        task = tasks.create_task(_carry_out(opened.feed, future, write))
        opened.writing.add(task)
        task.add_done_callback(opened.writing.discard)
        return future

    def _refused(self, error: CallError) -> StoreError:
        if error.passing and not error.token_is_old:
            return StoreUnavailableError(f"cannot reach {self._url.redacted}: {error}")
        return StoreOpenError(f"{self._url.redacted} refuses: {error.details}")


async def _carry_out(
    feed: Feed, future: asyncio.Future[int], write: Coroutine[object, object, int]
) -> None:
    try:
        revision = await write
    except JudgedError as judged:
        feed.fail(future, judged.error, judged.revision)
    except StoreError as error:
        feed.fail(future, error, 0)
    except asyncio.CancelledError:
        feed.fail(future, UnknownOutcomeError("closed while the write was under way"), 0)
        raise
    else:
        feed.acknowledge(future, revision)


def _refuse() -> asyncio.Future[int]:
    refused: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    refused.set_exception(StoreClosedError("the store is not open"))
    return refused
