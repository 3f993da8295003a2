"""The embedded store: the contract of ``storage.interface`` over any backend."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Self, TypeVar

from storage.clock import Clock
from storage.engine.backend import LEASE_ID_MAX, LEASE_MARK, Backend, Recovered
from storage.engine.backend_groups import BackendGroups
from storage.engine.committer import Committer
from storage.engine.compaction import Compactor
from storage.engine.expiry import Expiry
from storage.engine.group_commit import GroupCommit, failed
from storage.engine.hashing import Hasher
from storage.engine.history_bound import HistoryBound
from storage.engine.key_index import KeyIndex
from storage.engine.leases import EngineLeases
from storage.engine.ledger import Group, Ledger
from storage.engine.lessor import Lessor
from storage.engine.range_reading import RangeReading
from storage.engine.reads import Pins, Reader
from storage.engine.reaper import Reaper
from storage.engine.transactions import Transactions, may_write
from storage.engine.watch_hub import HubWatch, WatchHub
from storage.errors import ReadOnlyError, StoreClosedError, StoreError
from storage.interface import Capabilities, Watcher
from storage.mvcc import HashOf, Ranged, RangeOp, Span, Turn, Txn, TxnDone
from storage.records import KeyValue, Listing, StoreStatus

T = TypeVar("T")

CLOSED = "the store is closed"


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is made of."""

    backend: Backend
    committer: Committer
    clock: Clock
    capabilities: Capabilities


class EngineStore:
    """An ``Mvcc`` over a backend: revisions, groups, index and watches are kept here."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._backend = parts.backend
        self._clock = parts.clock
        self._history: HistoryBound | None = None
        self._open = False
        self._index = KeyIndex()
        self._logical_bytes = 0
        self._start_ms = self._start_ns = 0

    async def __aenter__(self) -> Self:
        self._loop = loop = asyncio.get_running_loop()
        self._start_ms = int(self._clock.now().timestamp() * 1000)
        self._start_ns = self._clock.stamp_ns()
        found = self._backend.open()
        self._index = index = found.keys
        self._logical_bytes = found.logical_bytes
        expiry = Expiry(each for each in found.leases if not each.deadline_ms & LEASE_MARK)
        self._ledger = Ledger(index, self._backend.value, expiry.__contains__)
        self._commits = GroupCommit(
            loop,
            self._parts.committer,
            BackendGroups(self._backend, self._ledger),
            self._ledger,
            on_applied=self._applied,
        )
        pins = Pins()
        self._compactor = Compactor(index, self._backend, self._commits, pins, found.compacted)
        self._history = self._bound()
        self._reader = Reader(index, self._backend, pins, self._compact_revision)
        self._hasher = Hasher(index, self._backend, pins, self._compact_revision)
        self._hub = WatchHub(loop, index, self._reader.history, self._compact_revision)
        self._leases = EngineLeases(
            self._lessor(found),
            self._backend,
            self._commits,
            self._ledger,
            delete_all=self._delete_all,
            now_ms=self._now_ms,
        )
        self._transactions = Transactions(
            self._ledger,
            self._backend.values,
            check_lease=self._leases.check,
            compacted=self._compact_revision,
        )
        self._reaper = Reaper(
            expiry, self.delete, alarm=lambda: self._commits.alarm, now_ms=self._now_ms
        )
        self._parts.committer.start(loop)
        self._open = True
        self._compactor.go_on()
        self._reaper.arm()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if not self._open:
            return
        self._open = False
        self._reaper.close()
        self._leases.close()
        self._compactor.stop()
        await self._commits.drain()
        self._commits.close()
        self._parts.committer.close()
        self._hub.close(StoreClosedError(CLOSED))
        self._backend.close()

    @property
    def capabilities(self) -> Capabilities:
        return self._parts.capabilities

    def current_revision(self) -> int:
        return self._index.last

    async def latest_revision(self) -> int:
        self._check_open()
        return self._index.last

    def oldest_revision(self) -> int:
        return self._compactor.compacted if self._open else self._index.base

    async def get(self, key: bytes, *, revision: int = 0) -> KeyValue | None:
        self._check_open()
        return self._reader.get(key, revision)

    async def list(
        self, prefix: bytes, *, limit: int = 0, after: bytes = b"", revision: int = 0
    ) -> Listing:
        self._check_open()
        return await self._reader.collect(prefix, limit, after, revision)

    async def count(self, prefix: bytes) -> int:
        self._check_open()
        return self._index.count(prefix)

    async def status(self) -> StoreStatus:
        return self.figures()

    def figures(self) -> StoreStatus:
        """Return the status as it is at this moment. Raises StoreClosedError."""
        self._check_open()
        return StoreStatus(
            revision=self._index.last,
            compact_revision=self._compactor.compacted,
            keys=len(self._index),
            logical_bytes=self._logical_bytes,
            disk_bytes=self._backend.disk_bytes(),
            alarm=self._commits.alarm,
            commits=self._commits.commits,
            writes=self._commits.writes,
        )

    @property
    def leases(self) -> EngineLeases:
        self._check_open()
        return self._leases

    def create(
        self, key: bytes, value: bytes, *, ttl_s: int = 0, lease: int = 0
    ) -> asyncio.Future[int]:
        if not self._open or self._commits.alarm:
            return self._refused()
        try:
            deadline_ms = self._deadline_ms(ttl_s, lease) if ttl_s or lease else 0
            return self._commits.answer(self._ledger.create(key, value, deadline_ms, lease))
        except StoreError as error:
            return failed(self._loop, error)

    def update(
        self, key: bytes, value: bytes, *, expected: int, ttl_s: int = 0, lease: int = 0
    ) -> asyncio.Future[int]:
        if not self._open or self._commits.alarm:
            return self._refused()
        try:
            deadline_ms = self._deadline_ms(ttl_s, lease) if ttl_s or lease else 0
            verdict = self._ledger.update(key, value, expected, deadline_ms, lease)
            return self._commits.answer(verdict)
        except StoreError as error:  # the present value could not be read
            return failed(self._loop, error)

    def delete(
        self, key: bytes, *, expected: int | None = None, last: bytes | None = None
    ) -> asyncio.Future[int]:
        if not self._open or self._commits.alarm:
            return self._refused()
        try:
            return self._commits.answer(self._ledger.delete(key, expected, last))
        except StoreError as error:  # the present value could not be read
            return failed(self._loop, error)

    async def range(self, op: RangeOp) -> tuple[Ranged, int]:
        self._check_open()
        return await self._reader.range(op)

    async def reading(self, op: RangeOp, turn: Turn) -> RangeReading:
        self._check_open()
        return await self._reader.reading(op, turn)

    def txn(self, txn: Txn) -> asyncio.Future[TxnDone]:
        if not self._open or (self._commits.alarm and may_write(txn)):
            return self._refused()
        return self._commits.answer(self._transactions.judge(txn))

    def watch_span(self, span: Span, watcher: Watcher, *, after: int) -> HubWatch:
        self._check_open()
        return self._hub.add_span(span, watcher, after)

    async def hash_kv(self, revision: int = 0) -> HashOf:
        self._check_open()
        return await self._hasher.hash(revision)

    async def compact(self, revision: int) -> None:
        self._check_open()
        await self._compactor.compact(revision)

    async def removed(self, revision: int) -> None:
        self._check_open()
        await self._compactor.removed(revision)

    def watch(self, prefix: bytes, watcher: Watcher, *, after: int) -> HubWatch:
        self._check_open()
        return self._hub.add(prefix, watcher, after)

    def _bound(self) -> HistoryBound | None:
        declared = self._parts.capabilities
        if declared.history_events is None or declared.history_bytes is None:
            return None
        return HistoryBound(declared.history_events, declared.history_bytes, self._index.base)

    def _compact_revision(self) -> int:
        return self._compactor.compacted

    def _applied(self, group: Group) -> None:
        """Take a group that is durable and in the index: sizes, leases, watchers."""
        size = 0
        for key, value, _, _, previous, _, _ in group.changes:
            if value is not None:
                size += len(value) if previous is not None else len(key) + len(value)
            else:
                size -= len(key)
            if previous is not None:
                size -= len(previous.value)
        self._logical_bytes += size
        if group.deadlines or len(self._reaper) or len(self._leases):
            self._note_ends(group)
        self._hub.deliver(group.changes)
        if self._history is not None:
            self._history.note(group.changes)
            self._compactor.forget(self._history.compact_to(self._compactor.compacted))

    def _note_ends(self, group: Group) -> None:
        """Note which keys end by themselves now, and which do no longer."""
        if len(self._leases):
            for change in group.changes:
                self._leases.noted(change.key, change.lease)
        self._reaper.note(group)

    def _now_ms(self) -> int:
        """Return the wall time as it was at the opening, and what has passed since by stamps.

        So a wall clock that is set neither ends a TTL nor prolongs it, as etcd's leases; only what
        was read from the disk is held against the wall time, once.
        """
        return self._start_ms + (self._clock.stamp_ns() - self._start_ns) // 1_000_000

    def _deadline_ms(self, ttl_s: int, lease: int) -> int:
        """Return when the key ends by itself, 0: with a lease. Raises LeaseNotFoundError."""
        if lease:
            self._leases.check(lease)
            return 0
        return self._now_ms() + ttl_s * 1000

    def _delete_all(self, keys: Sequence[bytes]) -> asyncio.Future[int]:
        if not self._open or self._commits.alarm:
            return self._refused()
        return self._commits.answer(self._transactions.delete_all(keys))

    def _lessor(self, found: Recovered) -> Lessor:
        # Seeded by the wall clock: ids differ from those before a restart, which may be in use yet.
        lessor = Lessor(found.granted, self._now_ms(), Random(self._clock.now().timestamp()))
        for each in found.leases:
            if each.deadline_ms & LEASE_MARK:
                lease_id = each.deadline_ms & LEASE_ID_MAX
                if lease_id not in lessor:  # used before it was durable: it ends now
                    lessor.grant(lease_id, 0, self._now_ms())
                lessor.attach(lease_id, each.key)
        return lessor

    def _refused(self) -> asyncio.Future[T]:
        error = ReadOnlyError(self._commits.alarm) if self._open else StoreClosedError(CLOSED)
        return failed(asyncio.get_running_loop(), error)

    def _check_open(self) -> None:
        if not self._open:
            raise StoreClosedError(CLOSED)
