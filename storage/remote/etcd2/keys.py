"""Keys and records between the store contract and the JSON of etcd's v2 API.

A key stands at the path that ``storage.etcd2.keys`` gives it, below the key space's root. What is
the store's own there, a key by which a feed proves how far it has come, is nobody's key.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypedDict
from urllib.parse import quote

from storage.etcd2 import keys as tree
from storage.etcd2.model import KEYS
from storage.records import Change, KeyValue

MARK: Final = "/kubedyno/mark"
"""The key that is written where nothing else would prove that a watch has told everything."""

ENDS: Final = 1
"""Of a state that a feed keeps for itself: in place of a lease, that its key has a TTL."""

ROOT: Final = "/v2/keys"

HIDDEN: Final = "/_"
"""In the path of what listings and watches from above leave out."""


class Node(TypedDict, total=False):
    """etcd's node."""

    key: str
    value: str
    dir: bool
    expiration: str
    ttl: int
    nodes: list[Node]
    modifiedIndex: int
    createdIndex: int


class Event(TypedDict, total=False):
    """etcd's event: what a write did, what a read found, what a watch tells."""

    action: str
    node: Node
    prevNode: Node


class Place(NamedTuple):
    """Where the keys of a prefix stand."""

    path: bytes
    """Of the directory that holds them all, in a request."""
    prefix: bytes
    """What they begin with."""
    whole: bool
    """All keys of the directory do."""


class DirectoryGoneError(Exception):
    """A directory was removed at an index, with keys that nobody names."""

    def __init__(self, index: int) -> None:
        super().__init__(f"a directory was removed at {index}")
        self.index = index


class KeySpace:
    """Where in etcd a store's keys stand: in the directory ``root`` (empty: in all of it)."""

    def __init__(self, root: str) -> None:
        """Raises UnsupportedError where it cannot be a directory's path."""
        self._root = root.rstrip("/")
        if self._root:
            tree.path_of(self._root.encode())
        self._within = self._root + "/"
        self._cut = len(self._root)
        self._bytes = self._root.encode()

    def path(self, key: bytes) -> bytes:
        """Return a key's path in a request. Raises UnsupportedError."""
        path = tree.path_of(key)[len(KEYS) :]
        return quote(f"{ROOT}{self._root}{path}").encode()

    def place(self, prefix: bytes) -> Place | None:
        """Return where the keys of a prefix stand; None: there can be none."""
        found = tree.prefix_of(prefix)
        if found is None:
            return None
        directory = found.directory[len(KEYS) :]
        path = quote(f"{ROOT}{self._root}{directory}").encode()
        return Place(path, prefix, found.whole)

    def key(self, path: str) -> bytes:
        """Return the key at a path that is told."""
        return path[self._cut :].encode()

    def state(self, node: Node) -> KeyValue:
        """Return a leaf's state as the contract knows it."""
        modified, created = node["modifiedIndex"], node["createdIndex"]
        return KeyValue(
            node["key"][self._cut :].encode(),
            node.get("value", "").encode(),
            modified,
            created,
            1 if modified == created else 2,
        )

    def change(self, event: Event) -> Change | None:
        """Return what a watch's event says; None: nothing of a key in this space.

        Hidden keys are nobody's. A live watch from above is not told of them, but a poll whose
        answer lies in the history is.

        Raises DirectoryGoneError, and what JSON that is no event raises (``KeyError`` and so on).
        """
        node = event["node"]
        path = node.get("key", "")  # the root has none
        before = event.get("prevNode")
        if HIDDEN in path:
            return None
        if "dir" in node or (before is not None and "dir" in before):
            return self._directory_changed(event)
        if not path.startswith(self._within) or path == MARK:
            return None
        previous = None if before is None else self.state(before)
        key = path[self._cut :].encode()
        value, modified, created = node.get("value"), node["modifiedIndex"], node["createdIndex"]
        if value is None:
            return Change(key, None, modified, created, previous, 0)
        version = 1 if previous is None else 2
        return Change(key, value.encode(), modified, created, previous, version)

    def _directory_changed(self, event: Event) -> Change | None:
        node, before = event["node"], event.get("prevNode")
        path, index = node.get("key", "") + "/", node["modifiedIndex"]
        if event["action"] in ("delete", "compareAndDelete", "expire"):
            if MARK.startswith(path):
                return None  # its directory holds nothing else
            if path.startswith(self._within) or self._within.startswith(path):
                raise DirectoryGoneError(index)
        elif before is not None and "dir" not in before and path.startswith(self._within):
            previous = self.state(before)  # a directory in the place of a leaf
            return Change(previous.key, None, index, previous.create_revision, previous, 0)
        return None


def ends(event: Event) -> bool:
    """Return whether the key that was written has a TTL."""
    return "expiration" in event["node"]


def form(value: str) -> bytes:
    """Return a value as a request's body: only what means something there is escaped.

    Of 2.5 KB of JSON that is 4 us; escaping all that a browser would, 40.
    """
    body = value.replace("%", "%25").replace("+", "%2B").replace("&", "%26").replace(";", "%3B")
    return b"value=" + body.encode()
