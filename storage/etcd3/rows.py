"""The format of the data file: one row per write, in revision order, and one meta row. Pure.

The first row of a revision stands under its 8 bytes, big-endian; those of the further writes that
share it, under these and 4 bytes of their place, counted from 1: so rows are appended. A row holds
a header (create revision, version, deadline, length of the key), the key and the value; version 0
says that the key was deleted. A deadline with its highest bit set is the id of a lease. The meta
row's key, a single zero byte, sorts before all of them.

Files from before revisions were shared hold rows of 8 bytes only, and are read as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from storage.engine.backend import LEASE_ID_MAX, LEASE_MARK, Lease, Recovered, Stored
from storage.engine.key_index import (
    REVISION_BITS,
    REVISION_MASK,
    KeyIndex,
    Point,
    shared_row,
)
from storage.errors import StoreOpenError
from storage.mvcc import View
from storage.records import Change

META_KEY = b"\0"

PROBE_KEY = b"\0\0"
"""Holds what a probe writes, and is gone before the probe succeeds; sorts before all revisions."""

LEASES_KEY = b"\0\0\0"
"""Holds id and TTL of every lease: few, and written only when one is granted or ends."""

_REVISION = struct.Struct(">Q")
_PLACE = struct.Struct(">QI")
_HEADER = struct.Struct(">QIQI")
_TAIL = struct.Struct(">QI")
_TAIL_AT = _HEADER.size - _TAIL.size
"""Of a header: its deadline and the length of the key."""
_META = struct.Struct(">16sQQ")
_LEASE = struct.Struct(">QQ")
_MAGIC = b"kubedyno-etcd3-1"


plain_row_key = _REVISION.pack
"""(row) -> its key, where the row is the first of its revision; struct.error where it is not."""


def row_key(row: int) -> bytes:
    """Return the key under which a row stands; a revision is the row of its first write."""
    if row <= REVISION_MASK:
        return _REVISION.pack(row)
    return _PLACE.pack(row & REVISION_MASK, row >> REVISION_BITS)


class Meta(NamedTuple):
    """What the meta row says."""

    promised: int
    """The compact revision: nothing below it is read any more."""
    base: int
    """Where the removal has come to; every revision after it is kept."""


def encode_meta(meta: Meta) -> bytes:
    """Return the meta row."""
    return _META.pack(_MAGIC, *meta)


def decode_meta(row: bytes | None) -> Meta:
    """Return what a meta row says, which every file of ours holds. Raises StoreOpenError."""
    if row is None or len(row) != _META.size or not row.startswith(_MAGIC):
        raise StoreOpenError("the data file has another format")
    _, promised, base = _META.unpack(row)
    return Meta(promised, base)


def encode_leases(leases: Sequence[tuple[int, int]]) -> bytes:
    """Return the row of the leases."""
    return b"".join(_LEASE.pack(*lease) for lease in leases)


def decode_leases(row: bytes | None) -> tuple[tuple[int, int], ...]:
    """Return the leases; no row stands for none. Raises StoreOpenError."""
    try:
        return tuple((lease_id, ttl_s) for lease_id, ttl_s in _LEASE.iter_unpack(row or b""))
    except struct.error as error:
        raise StoreOpenError(f"the data file is damaged: {error}") from error


def encode_rows(
    changes: Sequence[Change], deadlines: Mapping[int, int]
) -> list[tuple[bytes, bytes]]:
    """Return the rows of a group, in revision order; its revisions have no gap."""
    pack, deadline_of, name_of = _HEADER.pack, deadlines.get, _REVISION.pack
    rows = [
        (
            name_of(revision),
            pack(
                created,
                version,
                lease | LEASE_MARK if lease else deadline_of(revision, 0),
                len(key),
            )
            + key
            + (value or b""),
        )
        for key, value, revision, created, _, version, lease in changes
    ]
    if changes and changes[-1].revision - changes[0].revision + 1 != len(rows):
        _name_shared(rows, changes)
    return rows


def _name_shared(rows: list[tuple[bytes, bytes]], changes: Sequence[Change]) -> None:
    """Give the further rows of shared revisions their own names."""
    last = place = 0
    for number, change in enumerate(changes):
        if change.revision != last:
            last, place = change.revision, 0
            continue
        place += 1
        rows[number] = (row_key(shared_row(last, place)), rows[number][1])


def stored_in(row: memoryview) -> Stored:
    """Return a copy of the value in a row, and its lease."""
    deadline, length = _TAIL.unpack_from(row, _TAIL_AT)
    value = bytes(row[_HEADER.size + length :])
    if deadline and deadline & LEASE_MARK:
        return value, deadline & LEASE_ID_MAX
    return value, 0


def views_of(rows: Iterable[memoryview]) -> Iterator[View]:
    """Yield the values in rows, no copies of them, and their leases."""
    unpack, at, start = _TAIL.unpack_from, _TAIL_AT, _HEADER.size
    for row in rows:
        deadline, length = unpack(row, at)
        if deadline and deadline & LEASE_MARK:
            yield row[start + length :], deadline & LEASE_ID_MAX
        else:
            yield row[start + length :], 0


def recover(rows: Iterable[tuple[memoryview, memoryview]], meta: Meta) -> Recovered:
    """Rebuild what is kept in memory from all rows, in order. Raises StoreOpenError."""
    sizes: dict[bytes, int] = {}
    leases: dict[bytes, Lease] = {}
    try:
        index = KeyIndex.restore(_points(rows, sizes, leases), meta.base)
    except (struct.error, KeyError, ValueError) as error:
        raise StoreOpenError(f"the data file is damaged: {error}") from error
    if meta.promised > index.last:
        raise StoreOpenError(f"the data file ends at {index.last}, before its compact revision")
    return Recovered(index, meta.promised, list(leases.values()), sum(sizes.values()))


def _points(
    rows: Iterable[tuple[memoryview, memoryview]],
    sizes: dict[bytes, int],
    leases: dict[bytes, Lease],
) -> Iterator[tuple[bytes, Point]]:
    """Yield the points; note the live keys' sizes and leases on the way."""
    known: dict[bytes, bytes] = {}
    start = _HEADER.size
    number, header, same = _REVISION.unpack, _HEADER.unpack_from, known.setdefault
    for name, row in rows:
        place = 0
        if len(name) == _PLACE.size:
            revision, place = _PLACE.unpack(name)
        else:
            (revision,) = number(name)
        created, version, deadline_ms, length = header(row)
        key = bytes(row[start : start + length])
        key = same(key, key)
        if version:
            sizes[key] = len(row) - start
        else:
            sizes.pop(key, None)
        if deadline_ms:
            leases[key] = Lease(key, revision, deadline_ms)
        elif leases:
            leases.pop(key, None)
        # One integer where two are equal: most keys are never written again.
        made = revision if created == revision else created
        if place:
            yield key, (revision, made, version, shared_row(revision, place))
        else:
            yield key, (revision, made, version)
