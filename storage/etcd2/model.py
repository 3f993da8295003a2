"""The records of etcd 2: what is asked, what is answered, what a watch tells.

Paths are the store's own, absolute and clean: clients' keys stand under ``KEYS``, what the cluster
knows of itself under ``MEMBERS``, as in a real etcd's data. The protocol's edge adds and takes away
the first. One index counts every change of the whole store, those of members included.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

KEYS: Final = "/1"
"""The directory of all that clients write."""

MEMBERS: Final = "/0"
"""The directory of what the cluster knows of itself."""

HISTORY_EVENTS: Final = 1000
"""How many events are kept, over all keys: etcd's own constant."""


class Method(StrEnum):
    """What a request is called in etcd's log."""

    PUT = "PUT"
    POST = "POST"
    """Make a key of the next index under a directory (in-order key)."""
    DELETE = "DELETE"
    QGET = "QGET"
    """A read that goes through the log, behind every write before it."""
    SYNC = "SYNC"
    """End what has expired at ``time_ns``."""


class Request(NamedTuple):
    """A request that is ordered with the writes: etcd's own, field by field."""

    method: Method
    path: str
    value: str = ""
    dir: bool = False
    prev_value: str = ""
    """Compare-and-swap, compare-and-delete by value; empty: not."""
    prev_index: int = 0
    """The same by ``modifiedIndex``; 0: not."""
    prev_exist: bool | None = None
    """True: the key must exist, False: it must not, None: either."""
    expiration_ns: int = 0
    """Wall time since the epoch at which the key ends; 0: never."""
    recursive: bool = False
    sorted: bool = False
    refresh: bool | None = None
    """Give a key another expiration, and tell no watcher."""
    time_ns: int = 0
    """Of ``SYNC``: wall time."""
    id: int = 0


class Node(NamedTuple):
    """A leaf or a directory as it was when somebody looked."""

    key: str
    """Its path."""
    value: str | None
    """None for a directory, and for a leaf that is gone."""
    dir: bool
    created: int
    """``createdIndex``."""
    modified: int
    """``modifiedIndex``."""
    expires_ns: int = 0
    """Wall time since the epoch; 0: never."""
    ttl_s: int = 0
    """What was left of it then, rounded up."""
    nodes: tuple[Node, ...] | None = None
    """What stands in a directory, hidden nodes left out; None where that was not asked for."""


class Event(NamedTuple):
    """What a request did, or found (``get``)."""

    action: str
    """get, create, set, update, delete, compareAndSwap, compareAndDelete, expire."""
    node: Node
    previous: Node | None
    """The state before; None where there was none."""
    etcd_index: int
    """The store's index then: ``X-Etcd-Index``."""
    refresh: bool = False
    """Kept in the history, told to nobody."""

    @property
    def created(self) -> bool:
        """Whether the answer to it is 201."""
        return self.action == "create" or (self.action == "set" and self.previous is None)
