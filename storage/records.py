"""The records that pass through the store contract."""

from __future__ import annotations

from typing import NamedTuple


class KeyValue(NamedTuple):
    """A key's state at some revision. ``revision`` is that of its last write."""

    key: bytes
    value: bytes
    revision: int
    create_revision: int
    version: int
    """1 at creation, one more with each write; starts again after a delete."""
    lease: int = 0
    """The id of the lease that it ends with; 0: none, or a TTL of its own."""


class Change(NamedTuple):
    """One write as a watch sees it."""

    key: bytes
    value: bytes | None
    """The new value; None says that the key was deleted."""
    revision: int
    create_revision: int
    previous: KeyValue | None
    """The state before, best effort; None at a creation, and where it has been compacted."""
    version: int
    """The key's version after the write; 0 for a delete."""
    lease: int = 0
    """As in ``KeyValue``; 0 for a delete."""

    @property
    def created(self) -> bool:
        """True for the write that made the key."""
        return self.version == 1


class Batch(NamedTuple):
    """Changes in revision order, and the revision up to which the watcher now knows everything.

    An empty batch is a progress mark: nothing under the prefix changed up to ``revision``.
    """

    revision: int
    changes: tuple[Change, ...]


class Listing(NamedTuple):
    """A page of keys in key order, as of ``revision``."""

    items: list[KeyValue]
    revision: int
    remaining: int
    """How many keys of the prefix come after this page at that revision."""


class LeaseStatus(NamedTuple):
    """A lease as an object."""

    lease_id: int
    ttl_s: int
    """What was granted."""
    remaining_ms: int
    keys: tuple[bytes, ...]
    """What ends with it, in key order."""


class StoreStatus(NamedTuple):
    """What a store says about itself."""

    revision: int
    compact_revision: int
    """The oldest revision that is kept: readable, and what a watch may resume after."""
    keys: int
    logical_bytes: int
    """Bytes of the live keys and values; where others write too, at least that (see
    ``Capabilities.others_write``): what the server says that it has in use, history and all."""
    disk_bytes: int
    alarm: str
    """Why the store is read-only; empty when it is not."""
    commits: int
    """Durable commits so far; writes / commits is the mean size of a group. Both are this
    store's own, whoever else writes."""
    writes: int
