"""What is shown of a node at some moment."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Final

from storage.etcd2.model import Node
from storage.etcd2.tree import Directory, Tree

SECOND_NS: Final = 1_000_000_000

_new: Final = tuple.__new__
"""A named tuple's own constructor is a function of Python's: 0.5 us against 0.15."""

_by_key: Final = itemgetter(0)


def ttl_s(expires_ns: int, now_ns: int) -> int:
    """Return what is left, rounded up; of what should be gone, rounded towards zero, as in Go."""
    return -((now_ns - expires_ns) // SECOND_NS)


def leaf_view(leaf: Node, now_ns: int) -> Node:
    """Return a leaf as it is at ``now_ns``: itself, unless it ends."""
    expires_ns = leaf.expires_ns
    if not expires_ns:
        return leaf
    key, value, _, created, modified, _, _, _ = leaf
    left_s = ttl_s(expires_ns, now_ns)
    return _new(Node, (key, value, False, created, modified, expires_ns, left_s, None))


def directory_view(
    directory: Directory, now_ns: int, nodes: tuple[Node, ...] | None = None
) -> Node:
    """Return a directory as it is at ``now_ns``."""
    expires_ns = directory.expires_ns
    return Node(
        directory.path,
        None,
        True,  # noqa: FBT003  a field of the record
        directory.created,
        directory.modified,
        expires_ns,
        ttl_s(expires_ns, now_ns) if expires_ns else 0,
        nodes,
    )


def listing(directory: Directory, now_ns: int, *, recursive: bool, sort: bool) -> Node:
    """Return a directory with what stands in it; with ``recursive`` all the way down.

    Hidden nodes are left out. Unsorted, leaves come before directories, in no order to rely on.
    """
    if not recursive:
        folders = [directory_view(each, now_ns) for each in directory.folders.values()]
        return directory_view(directory, now_ns, _shown(directory, folders, now_ns, sort=sort))
    views: dict[str, Node] = {}
    for each in reversed(tuple(Tree.walk(directory))):  # what is in a directory, before it
        folders = [views.pop(path) for path in each.folders]
        views[each.path] = directory_view(each, now_ns, _shown(each, folders, now_ns, sort=sort))
    return views[directory.path]


def _shown(
    directory: Directory, folders: list[Node], now_ns: int, *, sort: bool
) -> tuple[Node, ...]:
    start = len(directory.path) + (len(directory.path) > 1)
    leaves: Iterable[Node] = directory.leaves.values()
    nodes = [
        leaf_view(leaf, now_ns) if leaf.expires_ns else leaf
        for leaf in leaves
        if leaf.key[start] != "_"
    ]
    nodes += [folder for folder in folders if folder.key[start] != "_"]
    if sort:
        nodes.sort(key=_by_key)
    return tuple(nodes)
