"""A writer of bbolt's file format, for what is written once, in order. Pure but for its file.

How it works. A file is pages of one size, each with a header (id, kind, how many elements, how many
more pages it goes on over). Pages 0 and 1 are *meta* pages, which name the root and end with a
checksum; of the two the one with the higher transaction counts. A bucket is a tree of *branch*
pages over *leaf* pages; the root is a bucket, too, whose leaves hold the others' root pages. Since
keys come in order, leaves are written as they fill, and of each only the first key is kept, until
the branches above are written. Metas come last, at the front. All numbers are little-endian.

Worked example, a bucket "b" with keys that fill two leaves::

    page 0  meta, transaction 1: root 6, free list 2, end 7     page 4  leaf   k3 k4
    page 1  meta, transaction 0: the same                       page 5  branch k1 -> 3, k3 -> 4
    page 2  free list: empty                                    page 6  leaf   "b" -> root 5
    page 3  leaf   k1 k2

Source of the format: go.etcd.io/bbolt page.go, node.go, db.go (version 2 of the file).
"""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

PAGE_BYTES: Final = 4096

_MAGIC: Final = 0xED0CDAED
_VERSION: Final = 2

_BRANCH: Final = 0x01
_LEAF: Final = 0x02
_META: Final = 0x04
_FREE_LIST: Final = 0x10
_BUCKET: Final = 0x01
"""Of a leaf's element: its value is a bucket."""

_PAGE: Final = struct.Struct("<QHHI")
"""Id, kind, count, further pages."""
_LEAF_ELEMENT: Final = struct.Struct("<IIII")
"""Flags, distance from here to the key, length of the key, of the value."""
_BRANCH_ELEMENT: Final = struct.Struct("<IIQ")
"""Distance from here to the key, its length, the page below."""
_BUCKET_VALUE: Final = struct.Struct("<QQ")
"""Root page, sequence."""
_META_BODY: Final = struct.Struct("<IIIIQQQQQ")
"""Magic, version, page size, flags, root, its sequence, free list, end, transaction."""
_CHECKSUM: Final = struct.Struct("<Q")

_FREE_LIST_PAGE: Final = 2
_FIRST_PAGE: Final = 3

_ELEMENTS_MAX: Final = 0xFFFE
"""More than that a page's header cannot say (and 0xFFFF means something else in a free list)."""


class BoltFile:
    """Writes a file: buckets one after the other, then ``finish``."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._file.write(bytes(_FIRST_PAGE * PAGE_BYTES))
        self._pages = _FIRST_PAGE
        self._roots: dict[bytes, int] = {}

    def bucket(self, name: bytes) -> Bucket:
        """Begin a bucket; the one before must have ended."""
        assert name not in self._roots, "a bucket is written once"
        self._roots[name] = 0
        return Bucket(self, name)

    def finish(self) -> int:
        """Write what names the buckets; return how large the file is, in bytes."""
        tree = _Tree(self)
        for name, root in sorted(self._roots.items()):
            assert root, "every bucket has ended"
            tree.add(name, _BUCKET_VALUE.pack(root, 0), flags=_BUCKET)
        root = tree.end()
        self._file.seek(0)
        for page, transaction in ((0, 1), (1, 0)):
            body = _META_BODY.pack(
                _MAGIC, _VERSION, PAGE_BYTES, 0, root, 0, _FREE_LIST_PAGE, self._pages, transaction
            )
            self._write(_PAGE.pack(page, _META, 0, 0) + body + _CHECKSUM.pack(fnv_64a(body)))
        self._write(_PAGE.pack(_FREE_LIST_PAGE, _FREE_LIST, 0, 0))
        self._file.seek(0, 2)
        return self._pages * PAGE_BYTES

    def put_page(self, kind: int, count: int, body: bytes) -> int:
        """Write a page, with what it goes on over; return its id."""
        page = self._pages
        taken = -(-(_PAGE.size + len(body)) // PAGE_BYTES)
        self._write(_PAGE.pack(page, kind, count, taken - 1) + body)
        self._pages += taken
        return page

    def named(self, name: bytes, root: int) -> None:
        """Take it that a bucket has ended, and where its root is."""
        self._roots[name] = root

    def _write(self, page: bytes) -> None:
        self._file.write(page)
        self._file.write(bytes(-len(page) % PAGE_BYTES))


class Bucket:
    """A bucket that is being written."""

    def __init__(self, file: BoltFile, name: bytes) -> None:
        self._file = file
        self._name = name
        self._tree = _Tree(file)

    def add(self, key: bytes, value: bytes) -> None:
        """Add a key, which must come after those before it."""
        self._tree.add(key, value)

    def end(self) -> None:
        """Write what is left of it."""
        self._file.named(self._name, self._tree.end())


class _Tree:
    """Leaves as they fill, then the branches above them."""

    def __init__(self, file: BoltFile) -> None:
        self._file = file
        self._leaf: list[tuple[int, bytes, bytes]] = []
        self._size = _PAGE.size
        self._last: bytes | None = None
        self._written: list[tuple[bytes, int]] = []
        """(first key, page) of each page of the level."""

    def add(self, key: bytes, value: bytes, *, flags: int = 0) -> None:
        assert self._last is None or key > self._last, "keys come in order"
        self._last = key
        size = _LEAF_ELEMENT.size + len(key) + len(value)
        full = self._size + size > PAGE_BYTES or len(self._leaf) == _ELEMENTS_MAX
        if self._leaf and full:
            self._end_leaf()
        self._leaf.append((flags, key, value))
        self._size += size

    def end(self) -> int:
        """Return the root page."""
        if self._leaf or not self._written:
            self._end_leaf()
        while len(self._written) > 1:
            self._written = self._branches()
        return self._written[0][1]

    def _end_leaf(self) -> None:
        leaf, self._leaf, self._size = self._leaf, [], _PAGE.size
        elements: list[bytes] = []
        texts: list[bytes] = []
        distance = _LEAF_ELEMENT.size * len(leaf)
        for flags, key, value in leaf:
            elements.append(_LEAF_ELEMENT.pack(flags, distance, len(key), len(value)))
            texts += (key, value)
            distance += len(key) + len(value) - _LEAF_ELEMENT.size
        page = self._file.put_page(_LEAF, len(leaf), b"".join(elements + texts))
        self._written.append((leaf[0][1] if leaf else b"", page))

    def _branches(self) -> list[tuple[bytes, int]]:
        """Write the level above what is written; each page has at least two elements."""
        level: list[tuple[bytes, int]] = []
        group: list[tuple[bytes, int]] = []
        size = _PAGE.size
        left = len(self._written)
        for key, page in self._written:
            wanted = _BRANCH_ELEMENT.size + len(key)
            if len(group) >= 2 and left >= 2 and size + wanted > PAGE_BYTES:
                level.append((group[0][0], self._branch(group)))
                group, size = [], _PAGE.size
            group.append((key, page))
            size += wanted
            left -= 1
        level.append((group[0][0], self._branch(group)))
        return level

    def _branch(self, group: list[tuple[bytes, int]]) -> int:
        elements: list[bytes] = []
        distance = _BRANCH_ELEMENT.size * len(group)
        for key, page in group:
            elements.append(_BRANCH_ELEMENT.pack(distance, len(key), page))
            distance += len(key) - _BRANCH_ELEMENT.size
        texts = [key for key, _ in group]
        return self._file.put_page(_BRANCH, len(group), b"".join(elements + texts))


def fnv_64a(message: bytes) -> int:
    """Return the checksum of a meta page (FNV-1a, 64 bits)."""
    found = 0xCBF29CE484222325
    for byte in message:
        found = (found ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return found
