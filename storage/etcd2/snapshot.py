"""The whole state of a machine as records: what a snapshot of etcd 2 holds."""

from __future__ import annotations

from typing import NamedTuple

from storage.etcd2.model import Event, Node
from storage.etcd2.tree import Tree


class Folder(NamedTuple):
    """A directory and its leaves. What ``modified`` and ``created`` mean is as in ``Node``."""

    path: str
    created: int
    modified: int
    expires_ns: int
    leaves: tuple[Node, ...]
    """As they are stored: ``ttl_s`` is 0."""


class MachineState(NamedTuple):
    """A machine at some moment; it shares its records with it, which nobody changes."""

    last_index: int
    """The store's index then."""
    folders: tuple[Folder, ...]
    """Each before those in it; the root is the first."""
    events: tuple[Event, ...]
    """The history, oldest first: no gaps between their indexes."""
    counted: dict[str, int]
    """``statistics.COUNTERS``; those that are missing count from 0."""

    def tree(self) -> Tree:
        """Return a new tree of it."""
        tree = Tree()
        tree.index = self.last_index
        for folder in self.folders:
            path = folder.path
            directory = tree.directories.get(path)
            if directory is None:
                parent = tree.directories[path[: path.rfind("/")] or "/"]
                directory = tree.add_directory(parent, path, folder.created, folder.expires_ns)
            directory.created, directory.modified = folder.created, folder.modified
            for leaf in folder.leaves:
                tree.put(directory, leaf, None)
        return tree
