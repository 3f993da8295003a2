"""The tree: directories and leaves under paths. Pure; it knows of no events.

How it works. A directory is found by its path in one flat map, and it holds its leaves by their
full paths, so a leaf costs one entry of one map, and is found by two look-ups however deep it
stands. A leaf *is* the ``Node`` that a reader is answered: it is never changed, a write puts
another in its place. So a read of a leaf makes nothing, and what was there before needs no copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.model import KEYS, MEMBERS, Node

READ_ONLY: Final = ("/", KEYS, MEMBERS)
"""What nobody may change or remove; a new tree consists of it."""

_CLIENTS: Final = KEYS + "/"

Removed = Callable[[str], None]
"""Told the path of each node that is removed, those in a directory before it."""


class Directory:
    """A directory. As in etcd, it keeps its ``modified`` when it is updated."""

    __slots__ = ("chain", "created", "expires_ns", "folders", "leaves", "modified", "path")

    def __init__(self, path: str, parent: Directory | None, index: int, expires_ns: int) -> None:
        self.path = path
        self.chain: tuple[str, ...] = (*parent.chain, path) if parent is not None else (path,)
        """The paths from the root down to it: who watches there is told of what happens in it."""
        self.created = index
        self.modified = index
        self.expires_ns = expires_ns
        self.leaves: dict[str, Node] = {}
        self.folders: dict[str, Directory] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing stands in it, hidden or not."""
        return not self.leaves and not self.folders


class Tree:
    """All nodes. A path that is passed in is absolute and clean; refusals tell ``index``."""

    __slots__ = ("directories", "index", "leaves", "root", "size_bytes")

    def __init__(self) -> None:
        self.index = 0
        """The store's index: that of its last change."""
        self.leaves = 0
        """How many leaves clients have."""
        self.size_bytes = 0
        """What their keys and values take as UTF-8, without ``KEYS``."""
        self.root = Directory("/", None, 0, 0)
        self.directories: dict[str, Directory] = {"/": self.root}
        for path in READ_ONLY[1:]:
            self.add_directory(self.root, path, 0, 0)

    def leaf(self, path: str) -> Node | None:
        """Return the leaf at a path, or None."""
        directory = self.directories.get(path[: path.rfind("/")] or "/")
        return None if directory is None else directory.leaves.get(path)

    def find(self, path: str) -> Node | Directory:
        """Return what stands at a path. Raises Etcd2Error (100, 104)."""
        found = self.leaf(path) or self.directories.get(path)
        if found is None:
            raise self.missing(path)
        return found

    def parent(self, path: str) -> Directory:
        """Return the directory that holds, or would hold, a path: made if it is missing.

        Raises Etcd2Error (104); then nothing was made.
        """
        above = path[: path.rfind("/")] or "/"
        directory = self.directories.get(above)
        if directory is not None:
            return directory
        missing = []
        while directory is None:  # the root is there
            if self.leaf(above) is not None:
                raise Etcd2Error(Code.NOT_DIR, above, self.index)
            missing.append(above)
            above = above[: above.rfind("/")] or "/"
            directory = self.directories.get(above)
        for made in reversed(missing):
            directory = self.add_directory(directory, made, self.index + 1, 0)
        return directory

    def add_directory(self, parent: Directory, path: str, index: int, expires_ns: int) -> Directory:
        """Make an empty directory where nothing stands."""
        made = Directory(path, parent, index, expires_ns)
        self.directories[path] = parent.folders[path] = made
        return made

    def put(self, directory: Directory, leaf: Node, before: Node | None) -> None:
        """Put a leaf into its directory, in the place of ``before``."""
        directory.leaves[leaf[0]] = leaf
        if before is None:
            self._count(leaf, 1)
        elif leaf[0].startswith(_CLIENTS):
            self.size_bytes += _text_bytes(leaf[1]) - _text_bytes(before[1])

    def holder(self, path: str) -> Directory:
        """Return the directory of a path of which it is known that it has one."""
        return self.directories[path[: path.rfind("/")] or "/"]

    def remove_leaf(self, leaf: Node) -> None:
        """Take a leaf out of its directory."""
        del self.holder(leaf.key).leaves[leaf.key]
        self._count(leaf, -1)

    def remove_directory(self, directory: Directory, removed: Removed) -> None:
        """Take a directory away with all that is in it."""
        del self.directories[directory.chain[-2]].folders[directory.path]
        for each in reversed(tuple(self.walk(directory))):
            for path, leaf in each.leaves.items():
                self._count(leaf, -1)
                removed(path)
            del self.directories[each.path]
            removed(each.path)

    @staticmethod
    def walk(directory: Directory) -> Iterator[Directory]:
        """Yield a directory and all below it, each before what is in it."""
        waiting = [directory]
        while waiting:
            each = waiting.pop()
            yield each
            waiting.extend(reversed(each.folders.values()))

    def missing(self, path: str) -> Etcd2Error:
        """Return why nothing stands at a path: the first part of it that is no directory."""
        for end in (*(at for at in range(1, len(path)) if path[at] == "/"), len(path)):
            part = path[:end]
            if part not in self.directories:
                leaf = end < len(path) and self.leaf(part) is not None
                return Etcd2Error(Code.NOT_DIR if leaf else Code.KEY_NOT_FOUND, part, self.index)
        raise AssertionError(path)

    def _count(self, leaf: Node, by: int) -> None:
        path, value = leaf[0], leaf[1]
        if path.startswith(_CLIENTS):
            self.leaves += by
            self.size_bytes += by * (_text_bytes(path) - len(KEYS) + _text_bytes(value))


def _text_bytes(text: str | None) -> int:
    """Return the length of a text as UTF-8; that of an ASCII one is known at once."""
    if text is None:
        return 0
    return len(text) if text.isascii() else len(text.encode())
