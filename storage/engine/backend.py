"""What an engine must bring: values by row, made durable in groups. The rest is shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from storage.engine.key_index import KeyIndex
from storage.mvcc import View
from storage.records import Change

LEASE_MARK: Final = 1 << 63
"""Set in a row's deadline where it is the id of a lease instead."""

LEASE_ID_MAX: Final = LEASE_MARK - 1

Stored = tuple[bytes, int]
"""What a row holds beside its key and its point: the value, and the id of its lease or 0."""


class Lease(NamedTuple):
    """A key that ends by itself."""

    key: bytes
    revision: int
    deadline_ms: int
    """Wall time, in milliseconds since the epoch; or ``LEASE_MARK`` and the id of a lease."""


class Recovered(NamedTuple):
    """What a backend finds when it opens."""

    keys: KeyIndex
    """Restored up to where compaction had come."""
    compacted: int
    """The compact revision that was promised; above ``keys.base`` if that work was cut short."""
    leases: list[Lease]
    logical_bytes: int
    """Bytes of the live keys and values."""
    granted: tuple[tuple[int, int], ...] = ()
    """The leases as objects: (id, ttl_s)."""


class Backend(Protocol):
    """Keeps values by row, in groups; foreign errors never leave it, it raises StoreError.

    The rows are those of ``KeyIndex``: a revision's first write has the row of its number, the
    further ones of a shared revision rows of their own.

    ``open``, ``close``, ``recover`` and the reads run on the loop; ``commit``, ``drop``,
    ``probe`` and ``promise_compaction`` on the committer, one at a time.
    """

    def open(self) -> Recovered:
        """Open what is there, or make it. Raises StoreOpenError."""
        ...

    def close(self) -> None:
        """Let everything go. Idempotent."""
        ...

    def value(self, row: int) -> Stored:
        """Return what a row holds; it is kept, and not a delete."""
        ...

    def values(self, rows: Sequence[int]) -> list[Stored]:
        """Return what several rows hold, in their order."""
        ...

    def view(self, rows: Sequence[int], use: Callable[[Iterator[View]], int]) -> int:
        """Return ``use(what the rows hold)``, uncopied: it must not keep the values.

        Reads no further than ``use`` does.
        """
        ...

    def disk_bytes(self) -> int:
        """Return the space taken on disk; 0 for none."""
        ...

    def commit(self, changes: Sequence[Change], deadlines: Mapping[int, int]) -> None:
        """Make the changes durable, all or none: those of each revision in their order.

        ``deadlines`` of keys with a TTL of their own are in ms, by revision.
        """
        ...

    def promise_compaction(self, revision: int) -> None:
        """Make it durable that nothing below ``revision`` will be read again."""
        ...

    def keep_leases(self, leases: Sequence[tuple[int, int]]) -> None:
        """Make durable which leases there are, as (id, ttl_s), instead of those before."""
        ...

    def drop(self, rows: Sequence[int], base: int) -> None:
        """Remove these rows; with that, compaction has come to ``base``."""
        ...

    def probe(self, applied: int) -> None:
        """Write durably about what failed last, and remove what was left above ``applied``.

        Within bounds: a write that can never fit must not keep smaller ones out for ever.
        """
        ...

    def recover(self, error: Exception) -> bool:
        """Put right what can be after a job failed with ``error``; True: try that job again."""
        ...
