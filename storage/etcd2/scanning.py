"""What stands under a prefix of keys, in their order."""

from __future__ import annotations

from operator import itemgetter
from typing import Final

from storage.etcd2.keys import key_of, prefix_of
from storage.etcd2.model import Node
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
        found += [leaf for path, leaf in directory.leaves.items() if _begins(path, prefix)]
        tops = [each for each in directory.folders.values() if _begins(each.path, prefix)]
    for top in tops:
        for each in tree.walk(top):
            if "/_" not in each.path:
                found += each.leaves.values()
    shown = [leaf for leaf in found if "/_" not in leaf[0]]
    shown.sort(key=_by_path)
    return shown


def _begins(path: str, prefix: bytes) -> bool:
    return key_of(path).startswith(prefix)
