"""The etcd data model over an engine: ranges of keys, transactions whose writes share a revision.

``Store`` is what an API server needs of a store; this is what etcd's v3 protocol needs beside it.
Both speak of the same keys, revisions, watches and leases of one engine.

**Transactions.** A transaction is judged at the call against the newest pending state, as every
write is. Compares, those of nested transactions too, are judged on the state before it. Its
operations are carried out in their order, each seeing those before it; all its writes get *one*
revision, and watchers are told them in one batch, in their order. It is answered when the group
that it was judged against is durable. One that writes nothing takes no revision. A key may be
written more than once (made, then deleted): whoever serves it refuses what etcd refuses.

A ``put`` writes always: unlike ``Store.update``, also where no byte changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from enum import IntEnum
from typing import NamedTuple, Protocol, Self

from storage.interface import LeasingStore, Watch, Watcher
from storage.records import KeyValue


class Span(NamedTuple):
    """A key or a range of keys, as etcd writes them."""

    key: bytes
    end: bytes = b""
    """Empty: ``key`` alone; a zero byte: every key from ``key`` on; else up to, not including."""


class SortOrder(IntEnum):
    """As on the wire."""

    NONE = 0
    ASCEND = 1
    DESCEND = 2


class SortTarget(IntEnum):
    """As on the wire."""

    KEY = 0
    VERSION = 1
    CREATE = 2
    MOD = 3
    VALUE = 4


class CompareResult(IntEnum):
    """As on the wire."""

    EQUAL = 0
    GREATER = 1
    LESS = 2
    NOT_EQUAL = 3


class CompareTarget(IntEnum):
    """As on the wire."""

    VERSION = 0
    CREATE = 1
    MOD = 2
    VALUE = 3
    LEASE = 4


class RangeOp(NamedTuple):
    """Read keys."""

    span: Span
    limit: int = 0
    revision: int = 0
    """As of which revision; 0: the newest."""
    order: SortOrder = SortOrder.NONE
    target: SortTarget = SortTarget.KEY
    keys_only: bool = False
    count_only: bool = False
    min_mod_revision: int = 0
    max_mod_revision: int = 0
    min_create_revision: int = 0
    max_create_revision: int = 0


class PutOp(NamedTuple):
    """Write a key."""

    key: bytes
    value: bytes
    lease: int = 0
    previous: bool = False
    """Answer with the state before."""
    ignore_value: bool = False
    """Keep the value that the key has; it must exist."""
    ignore_lease: bool = False
    """Keep the lease that the key has; it must exist."""


class DeleteOp(NamedTuple):
    """Delete keys."""

    span: Span
    previous: bool = False


class Compare(NamedTuple):
    """A condition on every key of a span; an absent key has zeros, and fails a VALUE compare."""

    span: Span
    target: CompareTarget
    result: CompareResult
    operand: int | bytes


class Txn(NamedTuple):
    """If all of ``compares`` hold, then ``success``, else ``failure``."""

    compares: tuple[Compare, ...]
    success: tuple[Op, ...]
    failure: tuple[Op, ...] = ()


Op = RangeOp | PutOp | DeleteOp | Txn


class Ranged(NamedTuple):
    """What a RangeOp found."""

    kvs: list[KeyValue]
    more: bool
    """``limit`` cut it short."""
    total: int
    """How many keys stand in the span, whatever the limit and the filters."""


Located = tuple[bytes, tuple[int, ...], object]
"""A key; its revision, create revision and version, in this order, and what is the engine's."""
View = tuple[bytes | memoryview, int]
"""A value, good only as long as the call lasts that was given it, and the id of a lease, or 0."""
Take = Callable[[Iterable[tuple[Located, View]]], int]
"""Takes as many as it likes, and returns how many."""
Turn = Callable[[], Awaitable[object]]
"""Returns when it is the caller's turn again."""


class Reading(Protocol):
    """What a RangeOp found, as of one revision, whose values are read only as they are taken.

    Until it is closed a compaction does not remove what it reads.
    """

    total: int
    """As in ``Ranged``."""
    more: bool
    """As in ``Ranged``."""
    revision: int
    """The last applied one, when it was asked for: the header's."""

    @property
    def left(self) -> int:
        """How many keys have not been taken yet."""
        ...

    def take(self, take: Take) -> None:
        """Let some of those that are left be taken, in the answer's order. Raises StoreError."""
        ...

    def close(self) -> None:
        """Read no more."""
        ...

    def __enter__(self) -> Self:
        """Close it at the end."""
        ...

    def __exit__(self, *exc_info: object) -> None:
        """As ``close``."""
        ...


class PutDone(NamedTuple):
    """What a PutOp did."""

    previous: KeyValue | None


class Deleted(NamedTuple):
    """What a DeleteOp did."""

    deleted: int
    previous: list[KeyValue]
    """In key order; empty unless asked for."""


class TxnDone(NamedTuple):
    """What a transaction did."""

    succeeded: bool
    results: list[OpDone]
    """One for each operation of the branch taken, in order."""
    revision: int
    """Of its writes; where it wrote nothing, the revision that it was judged at. 0 if nested."""


OpDone = Ranged | PutDone | Deleted | TxnDone


class HashOf(NamedTuple):
    """A hash over all keys, values and revisions that are kept up to a revision."""

    hash: int
    """32 bits."""
    revision: int
    compact_revision: int


class Mvcc(LeasingStore, Protocol):
    """An engine that can be served as an etcd."""

    async def range(self, op: RangeOp) -> tuple[Ranged, int]:
        """Return what is found, and the last applied revision (the header's).

        Raises CompactedError, FutureRevisionError.
        """
        ...

    async def reading(self, op: RangeOp, turn: Turn) -> Reading:
        """Find the same, and leave the values to be read; ``turn`` is waited for between slices.

        Raises CompactedError, FutureRevisionError.
        """
        ...

    def txn(self, txn: Txn) -> Awaitable[TxnDone]:
        """Judge a transaction now, answer it once durable; errors leave everything as it was.

        A single put or delete is a transaction without compares. Raises LeaseNotFoundError,
        KeyNotFoundError (``ignore_value`` or ``ignore_lease`` without the key), CompactedError,
        FutureRevisionError, StoreClosedError, and ReadOnlyError if it holds a write.
        """
        ...

    def watch_span(self, span: Span, watcher: Watcher, *, after: int) -> Watch:
        """As ``Watchable.watch``, over a span."""
        ...

    async def removed(self, revision: int) -> None:
        """Return once all that was superseded at or before ``revision`` is gone from the disk.

        ``revision`` is one that ``compact`` has been answered for. Raises ReadOnlyError,
        StoreClosedError.
        """
        ...

    async def hash_kv(self, revision: int = 0) -> HashOf:
        """Return the hash as of ``revision`` (0: newest); equal on equal histories.

        Raises CompactedError, FutureRevisionError.
        """
        ...
