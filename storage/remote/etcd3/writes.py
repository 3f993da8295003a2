"""Writes to etcd: one Txn each, many on their way at once, answered when the feed has told them.

A write compares the key's mod_revision; where that fails, the same Txn reads the key, so a conflict
carries the present state. Whether an update would change anything is decided by the state that the
feed told last: if that is of the expected revision and has other bytes, the compare of the revision
suffices; if it has the same bytes, a read confirms that it still is the newest, and nothing is
written; if it is not known, the Txn also compares the value. An update that gives a lease, or takes
one away, writes the same bytes, too.

``delete(last=...)`` is two Txns, the second comparing the revision that the first one got: etcd
refuses two writes of a key in one. Where somebody else writes between them, the caller is told of
the conflict, and the last value stands as an update.
"""

from __future__ import annotations

from serialization.api.etcd import rpc_pb2 as rpc
from storage.errors import (
    ConflictError,
    KeyExistsError,
    KeyNotFoundError,
    LeaseNotFoundError,
    StoreError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from storage.records import KeyValue
from storage.remote.etcd3.batches import Asks, Batches, Judgement
from storage.remote.etcd3.failures import CallError, write_refusal
from storage.remote.etcd3.feed import Feed
from storage.remote.etcd3.keys import KeySpace
from storage.remote.etcd3.reads import Reader
from storage.remote.etcd3.requests import delete, judged, judged_to_exist, put, unless_equal
from storage.remote.etcd3.rpc import TXN


class JudgedError(StoreError):
    """A write was refused by the state at ``revision``: ``error`` says why."""

    def __init__(self, error: StoreError, revision: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.revision = revision


class Writer:
    """Writes to a key space. Its methods return the revision; raise StoreError, JudgedError."""

    def __init__(
        self,
        link: Asks,
        keys: KeySpace,
        feed: Feed,
        reader: Reader,
        batches: Batches | None = None,
    ) -> None:
        self.writes = 0
        self._singles = 0
        self._batches = batches
        self._link = link
        self._root = keys.root
        self._keys = keys
        self._feed = feed
        self._reader = reader

    @property
    def txns(self) -> int:
        """How many Txns were sent."""
        return self._singles if self._batches is None else self._batches.txns

    async def create(self, key: bytes, value: bytes, lease: int) -> int:
        """Make a key."""
        full = self._root + key
        request = judged(full, 0)
        put(request, full, value, lease)
        answer, revision = await self._txn(full, request)
        if answer.succeeded:
            self.writes += 1
            return revision
        current = self._found(answer)
        assert current is not None, "the Txn has just found it"
        raise JudgedError(KeyExistsError(key, current), revision)

    async def update(self, key: bytes, value: bytes, expected: int, lease: int) -> int:
        """Replace a value."""
        full = self._root + key
        request = judged(full, expected)
        if not lease:
            known = self._feed.recent.get(key)
            if known is None or known.revision != expected:
                unless_equal(request, full, value)
            elif known.value == value and not known.lease:
                current = await self._reader.get(key, 0)
                return self._unchanged(key, current, expected, self._feed.last)
        put(request, full, value, lease)
        answer, revision = await self._txn(full, request)
        if answer.succeeded:
            self.writes += 1
            return revision
        found = self._found(answer)
        if found is not None and found.revision == expected and found.lease:
            return await self._detach(found)
        return self._unchanged(key, found, expected, revision)

    async def delete(self, key: bytes, expected: int | None) -> int:
        """Remove a key."""
        full = self._root + key
        request = judged_to_exist(full) if expected is None else judged(full, expected)
        delete(request, full)
        answer, revision = await self._txn(full, request)
        if answer.succeeded:
            self.writes += 1
            return revision
        current = self._found(answer)
        if current is None:
            raise JudgedError(KeyNotFoundError(key), revision)
        raise JudgedError(ConflictError(key, expected or 0, current), revision)

    async def retire(self, key: bytes, expected: int | None, last: bytes) -> int:
        """Give a key its last value, then remove it."""
        if expected is None:
            current = await self._reader.get(key, 0)
            if current is None:
                raise JudgedError(KeyNotFoundError(key), self._feed.last)
            expected = current.revision
        revision = await self.update(key, last, expected, 0)
        try:
            return await self.delete(key, revision)
        except StoreUnavailableError as error:
            if revision == expected:
                raise
            raise UnknownOutcomeError(f"written for the last time, not removed: {error}") from error

    async def _detach(self, state: KeyValue) -> int:
        """Write a state once more, without its lease."""
        full = self._root + state.key
        request = judged(full, state.revision)
        put(request, full, state.value, 0)
        answer, revision = await self._txn(full, request)
        if answer.succeeded:
            self.writes += 1
            return revision
        return self._unchanged(state.key, self._found(answer), state.revision, revision)

    def _unchanged(self, key: bytes, current: KeyValue | None, expected: int, revision: int) -> int:
        """Answer an update that has written nothing. Raises JudgedError unless it was all right."""
        if current is None:
            raise JudgedError(KeyNotFoundError(key), revision)
        if current.revision != expected:
            raise JudgedError(ConflictError(key, expected, current), revision)
        return expected

    async def _txn(self, full: bytes, request: rpc.TxnRequest) -> Judgement:
        try:
            if self._batches is not None:
                return await self._batches.txn(full, request)
            self._singles += 1
            answer = await self._link.write(TXN, request)
            return Judgement(answer, answer.header.revision)
        except CallError as error:
            if error.lease_is_gone:
                raise LeaseNotFoundError(0) from error
            if error.answered or error.refused:
                raise write_refusal(error) from error
            raise UnknownOutcomeError(f"a write was sent, and no answer came: {error}") from error

    def _found(self, answer: rpc.TxnResponse) -> KeyValue | None:
        kvs = answer.responses[0].response_range.kvs
        return self._keys.state(kvs[0]) if kvs else None
