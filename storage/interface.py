"""The store contract: bytes under keys, one revision counter for the whole store.

**Group commit.** A write is judged *at the call* (not when it is awaited), against the newest
*pending* state: what is committed plus what is queued. Its answer, success as well as conflict or
not-found, is released when the last batch that it was judged against is durable. When a batch is
durable, one step of the loop does, in this order: key index, watchers (``Watcher.deliver``, so the
watch cache), the callers' futures. An acknowledged write is therefore in the watch cache.
If a commit fails, every queued write judged on top of it fails too (``ReadOnlyError``), the pending
state is dropped, its revisions were never seen and are used again, and the store stays read-only,
with an alarm, until a probe write succeeds.

Reads (``get``, ``list``, ``count``) and ``current_revision`` speak of the last *applied* revision,
never of one that is assigned but not yet durable.

**A store that is elsewhere** declares what of this it cannot promise (``others_write``,
``ordered_writes``, ``given_clock``); the rest holds, above all that an acknowledged write, and the
state that a refused one was judged by, have been delivered to the watchers before the answer.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NamedTuple, Protocol, Self

from storage.errors import StoreError
from storage.records import Batch, KeyValue, LeaseStatus, Listing, StoreStatus


class Capabilities(NamedTuple):
    """What a store can do beyond the common core; the conformance suite asserts both ways."""

    durable: bool
    """Acknowledged writes survive the process."""
    old_revisions: bool
    """Reads at any revision that has not been compacted, and so continue tokens."""
    history_events: int | None
    """How many past changes a watch can resume over; None: all since the last compaction."""
    history_bytes: int | None
    """How many bytes of keys and values these changes may hold; None: as many as there are."""
    binary_values: bool
    leases: bool
    """``ttl_s`` is honoured."""
    lease_objects: bool
    """It is a ``LeasingStore``."""
    shared_revisions: bool
    """Several writes may share a revision, so a watch resumes at least once, not exactly once."""
    others_write: bool = False
    """Other processes write to it, too: a read that must see their acknowledged writes waits until
    ``current_revision()`` has reached ``latest_revision()``. ``get``, ``list`` and ``count`` may
    speak of a later revision than ``current_revision()``, and another store may be opened on the
    same place."""
    ordered_writes: bool = True
    """Writes are judged at the call, in the order of the calls. False: by a server when they arrive
    there, so of writes that are under way together any may be first."""
    given_clock: bool = True
    """TTLs run by the clock that the store was given, and end on time. False: by a server's, in
    real time, never too early."""
    tree_keys: bool = False
    """Keys are paths of UTF-8 text: each begins with a slash, none of its parts is empty, ``.`` or
    ``..`` or begins with ``_``, and no key stands below another, or where others have stood below
    it. Other keys, and values that are not UTF-8 text where ``binary_values`` is False, are refused
    with UnsupportedError."""
    versions: bool = True
    """Keys count their writes. False: ``version`` is 1 at a key's creation and 2 ever after."""
    compaction: bool = True
    """``compact`` forgets. False: it raises UnsupportedError, for only the bound of the history
    (``history_events``) does."""
    dense_revisions: bool = True
    """Every revision is that of a change that this store shows, and a new store is at revision 1.
    False: changes that it hides take revisions, too."""


class Watcher(Protocol):
    """Where a watch delivers. Called on the loop; must neither block nor raise."""

    def deliver(self, batch: Batch) -> None:
        """Take the next changes (or a progress mark); revisions never go back or repeat."""
        ...

    def closed(self, error: StoreError) -> None:
        """The watch has ended (compacted, closed); nothing is delivered after this."""
        ...


class Watch(Protocol):
    """A running watch."""

    def cancel(self) -> None:
        """End it: nothing is delivered after this returns. Idempotent."""
        ...


class Readable(Protocol):
    """Reads; none of them sees a write that is not durable."""

    def current_revision(self) -> int:
        """Return the last applied revision; a new store is at revision 1 (``dense_revisions``)."""
        ...

    async def latest_revision(self) -> int:
        """Return a revision no older than any write that anyone's call acknowledged before this.

        Where nobody else writes it is ``current_revision()``. Raises StoreUnavailableError.
        """
        ...

    def oldest_revision(self) -> int:
        """Return the compact revision, the oldest that is kept: as ``StoreStatus`` says, at once.

        The state at it is readable, and a watch ``after`` it replays every change that followed.
        Durable where the store is: it is the same after a restart. It never goes back.
        """
        ...

    async def get(self, key: bytes, *, revision: int = 0) -> KeyValue | None:
        """Return the key's state as of ``revision`` (0: newest), or None.

        Raises CompactedError, FutureRevisionError, UnsupportedError.
        """
        ...

    async def list(
        self, prefix: bytes, *, limit: int = 0, after: bytes = b"", revision: int = 0
    ) -> Listing:
        """Return live keys under ``prefix`` in key order as of ``revision`` (0: newest).

        ``after`` skips keys up to and including it; ``limit`` 0 means all.
        Raises CompactedError, FutureRevisionError, UnsupportedError.
        """
        ...

    async def count(self, prefix: bytes) -> int:
        """Return how many live keys stand under ``prefix``."""
        ...

    async def status(self) -> StoreStatus:
        """Return sizes, counters and the alarm."""
        ...


class Writable(Protocol):
    """Writes; each is judged at the call and answers its revision once durable.

    Every error, too, is raised when the returned awaitable is awaited, never by the call.
    """

    def create(self, key: bytes, value: bytes, *, ttl_s: int = 0) -> Awaitable[int]:
        """Make a key that must not exist. Raises KeyExistsError."""
        ...

    def update(self, key: bytes, value: bytes, *, expected: int, ttl_s: int = 0) -> Awaitable[int]:
        """Replace a value whose key is at revision ``expected``.

        An update that changes nothing, neither value nor lease nor TTL, writes nothing and answers
        the key's present revision; one that gives a TTL always writes.
        Raises KeyNotFoundError, ConflictError.
        """
        ...

    def delete(
        self, key: bytes, *, expected: int | None = None, last: bytes | None = None
    ) -> Awaitable[int]:
        """Remove a key, at revision ``expected`` if given; answer the revision of the removal.

        With ``last`` the key is first given that value, at a revision of its own unless it has it
        already, so that watchers see both. Nobody else's write comes between (where
        ``others_write``, one that does is a ConflictError); where the store itself fails between,
        and then, the first may stand alone. Raises KeyNotFoundError, ConflictError.
        """
        ...

    def compact(self, revision: int) -> Awaitable[None]:
        """Forget what was superseded at or before ``revision``; the state at it stays readable.

        Raises CompactedError (already done), FutureRevisionError, UnsupportedError.
        """
        ...


class Watchable(Protocol):
    """Change streams."""

    def watch(self, prefix: bytes, watcher: Watcher, *, after: int) -> Watch:
        """Deliver every change under ``prefix`` with a revision above ``after``, in order.

        ``after`` may lie in the past, down to ``oldest_revision()`` and across restarts of a
        durable store (kept history is replayed first, piece by piece on later turns of the loop),
        or be the current revision. All changes of one revision arrive in one batch. A revision
        below the oldest kept ends the watch through ``closed`` with CompactedError; one in the
        future delivers nothing until it has passed.
        """
        ...


class Store(Readable, Writable, Watchable, Protocol):
    """The whole contract. A store belongs to one event loop, inside ``async with``."""

    @property
    def capabilities(self) -> Capabilities:
        """What this store declares."""
        ...

    async def __aenter__(self) -> Self:
        """Open: recover what is durable, start the committer."""
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """Finish queued writes, then close; later calls raise StoreClosedError."""
        ...


class Leases(Protocol):
    """Leases as objects. Durable is that they were granted, for how long, and their keys.

    A lease that is found when a store opens has its whole TTL before it (so etcd does after a
    change of leader). Every method raises ReadOnlyError and StoreClosedError as writes do.
    """

    async def grant(self, ttl_s: int, *, lease_id: int = 0) -> int:
        """Let a lease begin, durably; return its id (0 asks for a free one, below 2^63).

        Raises LeaseExistsError.
        """
        ...

    async def keep_alive(self, lease_id: int) -> int:
        """Let it begin anew; return its TTL in seconds. Raises LeaseNotFoundError."""
        ...

    async def revoke(self, lease_id: int) -> int:
        """End it: delete its keys, all at one revision, which is returned; 0 if it had none.

        Raises LeaseNotFoundError.
        """
        ...

    async def time_to_live(self, lease_id: int) -> LeaseStatus:
        """Return what it was granted, what is left, and its keys. Raises LeaseNotFoundError."""
        ...

    async def lease_ids(self) -> list[int]:
        """Return the ids of all leases, in order."""
        ...


class LeasingStore(Store, Protocol):
    """A store that declares ``lease_objects``: its keys may be attached to leases."""

    @property
    def leases(self) -> Leases:
        """The leases of an open store."""
        ...

    def create(self, key: bytes, value: bytes, *, ttl_s: int = 0, lease: int = 0) -> Awaitable[int]:
        """As ``Writable.create``; the key ends with ``lease``, which excludes a ``ttl_s``.

        Raises KeyExistsError, LeaseNotFoundError.
        """
        ...

    def update(
        self, key: bytes, value: bytes, *, expected: int, ttl_s: int = 0, lease: int = 0
    ) -> Awaitable[int]:
        """As ``Writable.update``: an update without ``lease`` detaches the key.

        Raises KeyNotFoundError, ConflictError, LeaseNotFoundError.
        """
        ...
