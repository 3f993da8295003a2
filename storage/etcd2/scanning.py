"""What stands under a prefix of keys, in their order."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Final

from storage.etcd2.keys import key_of, prefix_of
from storage.etcd2.model import KEYS, Node
from storage.etcd2.tree import Tree

_by_path: Final = itemgetter(0)
"""Paths are in the order of the keys: text is in the order of its UTF-8 bytes."""


def leaves_under(tree: Tree, prefix: bytes) -> list[Node]:
    """Return the leaves whose keys begin with ``prefix``, in key order; none hidden."""
    place = prefix_of(prefix)
    directory = None if place is None else tree.directories.get(place.directory)
    if place is None or directory is None:
        return []
    found: list[Node] = []
    if place.whole:
        tops = [directory]
    else:
        begins = _test_of(prefix)
        found += [leaf for path, leaf in directory.leaves.items() if begins(path)]
        tops = [each for path, each in directory.folders.items() if begins(path)]
    for top in tops:
        for each in tree.walk(top):
            if "/_" not in each.path:
                found += each.leaves.values()
    shown = [leaf for leaf in found if "/_" not in leaf[0]]
    shown.sort(key=_by_path)
    return shown


def _test_of(prefix: bytes) -> Callable[[str], bool]:
    """Return what tells whether a path is that of a key which begins with ``prefix``."""
    try:
        text = KEYS + prefix.decode()
    except UnicodeDecodeError:  # it ends within a character
        return lambda path: key_of(path).startswith(prefix)
    return lambda path: path.startswith(text)
