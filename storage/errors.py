"""What can go wrong in a store: one small tree. The API server translates it in one place."""

from __future__ import annotations

from storage.records import KeyValue


class StoreError(Exception):
    """Any failure that a store reports; nothing was written unless a subclass says otherwise."""


class KeyExistsError(StoreError):
    """A create met a key that exists. ``current`` is the state that it was judged against."""

    def __init__(self, key: bytes, current: KeyValue) -> None:
        super().__init__(f"key exists: {key.decode(errors='replace')}")
        self.key = key
        self.current = current


class KeyNotFoundError(StoreError):
    """An update or delete met no such key."""

    def __init__(self, key: bytes) -> None:
        super().__init__(f"key not found: {key.decode(errors='replace')}")
        self.key = key


class ConflictError(StoreError):
    """The key is at another revision than expected. ``current`` is its (pending) state."""

    def __init__(self, key: bytes, expected: int, current: KeyValue) -> None:
        super().__init__(
            f"revision conflict on {key.decode(errors='replace')}: "
            f"expected {expected}, is {current.revision}"
        )
        self.key = key
        self.expected = expected
        self.current = current


class CompactedError(StoreError):
    """The revision asked for lies below the oldest that is kept."""

    def __init__(self, revision: int, compacted: int) -> None:
        super().__init__(f"revision {revision} has been compacted; the oldest kept is {compacted}")
        self.revision = revision
        self.compacted = compacted


class FutureRevisionError(StoreError):
    """The revision asked for has not happened yet."""

    def __init__(self, revision: int, current: int) -> None:
        super().__init__(f"revision {revision} is in the future; the newest is {current}")
        self.revision = revision
        self.current = current


class ReadOnlyError(StoreError):
    """A commit failed (``alarm`` says how); writes are refused until a probe write succeeds."""

    def __init__(self, alarm: str) -> None:
        super().__init__(f"the store is read-only: {alarm}")
        self.alarm = alarm


class LeaseNotFoundError(StoreError):
    """There is no such lease: it was never granted, was revoked, or its time is over."""

    def __init__(self, lease_id: int) -> None:
        super().__init__(f"lease not found: {lease_id}")
        self.lease_id = lease_id


class LeaseExistsError(StoreError):
    """A lease was to be granted under an id that is taken."""

    def __init__(self, lease_id: int) -> None:
        super().__init__(f"lease exists: {lease_id}")
        self.lease_id = lease_id


class StoreUnavailableError(StoreError):
    """No endpoint of a remote store answers. Nothing was written."""


class UnknownOutcomeError(StoreError):
    """A write was sent to a remote store, and no answer came: it may have happened, or may yet."""


class CorruptObjectError(StoreError):
    """What stands under a key is no object that can be read."""

    def __init__(self, key: bytes, reason: str) -> None:
        super().__init__(reason)
        self.key = key


class HistoryLostError(StoreError):
    """A remote store has fewer revisions than it had, or is another one.

    So it is after a restore from an older snapshot: what was read or watched may never have been.
    """

    def __init__(self, revision: int, current: int) -> None:
        super().__init__(
            f"the store's history is lost: it had come to revision {revision}, "
            f"and now is another one, at {current}"
        )
        self.revision = revision
        self.current = current


class UnsupportedError(StoreError):
    """The store declares that it cannot do this (see ``Capabilities``)."""


class StoreClosedError(StoreError):
    """The store has been closed."""


class StoreOpenError(StoreError):
    """The data directory cannot be opened: in use by another process, not ours, or damaged."""
