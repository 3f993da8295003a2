"""The files of snapshots: ``<term>-<index>.snap``, a JSON in two protobuf messages and a check sum.

How it works. The lengths come before what they are the lengths of, and the check sum goes over
nearly everything, while the JSON comes in pieces and is not to be held in memory. So the lengths
are written last, into places of a fixed width, and the check sum is found by reading the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from serialization.api.etcd import log_pb2 as pb
from storage.errors import StoreError
from storage.etcd2.journal.records import checksum
from storage.etcd3.data_dir import sync_directory

SNAPSHOTS_MAX: Final = 5
"""How many are kept: etcd's own default."""

READ_BYTES: Final = 1 << 18

SYNC_BYTES: Final = 1 << 22
"""How much is written before it is synced: one sync of 77 MB at the end held a group of the log up
for 35 to 43 ms, these for 16 to 33."""

_NAME: Final = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.snap")
_LENGTH_BYTES: Final = 5
_DATA_OF_FILE: Final = b"\x12"
_DATA_OF_SNAPSHOT: Final = b"\x0a"
_METADATA: Final = b"\x12"
_CRC: Final = b"\x08"
_HEAD_BYTES: Final = 2 * (1 + _LENGTH_BYTES)


class SnapshotAt(NamedTuple):
    """Where in the log a snapshot stands. They sort by their age."""

    term: int
    entry: int
    """The index of the log's last entry that is in it."""

    def path(self, folder: Path) -> Path:
        """Return its file's path."""
        return folder / f"{self.term:016x}-{self.entry:016x}.snap"


class Snapshot(NamedTuple):
    """What a snapshot's file holds."""

    at: SnapshotAt
    nodes: tuple[int, ...]
    """The ids of the members."""
    content: bytes


def snapshots_in(folder: Path) -> list[SnapshotAt]:
    """Return which snapshots there are, oldest first."""
    names = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return sorted(SnapshotAt(int(name[1], 16), int(name[2], 16)) for name in names if name)


def read_snapshot(path: Path) -> Snapshot:
    """Return what stands in a snapshot's file. Raises StoreError where it is damaged."""
    try:
        file = pb.SnapshotFile.FromString(path.read_bytes())
        data, crc = file.data, file.crc
        del file  # each of these is as large as the store
        if not data or checksum(data) != crc:
            raise StoreError(f"{path}: the snapshot is damaged")
        found = pb.RaftSnapshot.FromString(data)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    except DecodeError:
        raise StoreError(f"{path}: the snapshot is damaged") from None
    metadata = found.metadata
    at = SnapshotAt(metadata.term, metadata.index)
    return Snapshot(at, tuple(metadata.conf_state.nodes), found.data)


def write_snapshot(
    folder: Path,
    at: SnapshotAt,
    nodes: Iterable[int],
    pieces: Iterable[bytes],
    *,
    sync: bool,
    pause: Callable[[], None] | None,
) -> int:
    """Write a snapshot, whole or not at all; return its size in bytes. Raises StoreError.

    ``pause`` is called between pieces: there the interpreter is let go.
    """
    new = folder / "snapshot.tmp"
    try:
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(fd, 0)
            size = _write(fd, at, nodes, pieces, pause or _go_on, sync=sync)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        new.rename(at.path(folder))
        if sync:
            sync_directory(folder)
    except OSError as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise StoreError(f"{at.path(folder)}: {error.strerror}") from error
    return size


def purge_snapshots(folder: Path) -> None:
    """Remove the oldest snapshots beyond those that are kept. Raises StoreError."""
    try:
        for at in snapshots_in(folder)[:-SNAPSHOTS_MAX]:
            at.path(folder).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}") from error


def _write(
    fd: int,
    at: SnapshotAt,
    nodes: Iterable[int],
    pieces: Iterable[bytes],
    pause: Callable[[], None],
    *,
    sync: bool,
) -> int:
    end = synced = _HEAD_BYTES
    for piece in pieces:
        end += _put(fd, piece, end)
        if sync and end - synced >= SYNC_BYTES:
            os.fdatasync(fd)
            synced = end
        pause()
    content_bytes = end - _HEAD_BYTES
    metadata = pb.SnapshotMetadata(
        conf_state=pb.ConfState(nodes=nodes), index=at.entry, term=at.term
    ).SerializeToString()
    end += _put(fd, _METADATA + bytes([len(metadata)]) + metadata, end)
    snapshot_bytes = end - 1 - _LENGTH_BYTES
    first = _DATA_OF_FILE + _wide(snapshot_bytes)
    _put(fd, first + _DATA_OF_SNAPSHOT + _wide(content_bytes), 0)
    crc, place = 0, len(first)
    while part := os.pread(fd, READ_BYTES, place):
        crc = checksum(part, crc)
        place += len(part)
        pause()
    return end + _put(fd, _CRC + _wide(crc), end)


def _go_on() -> None:
    """Take no pause."""


def _put(fd: int, piece: bytes, at: int) -> int:
    rest = memoryview(piece)
    while rest:
        count = os.pwrite(fd, rest, at)
        rest, at = rest[count:], at + count
    return len(piece)


def _wide(number: int) -> bytes:
    """Return a varint of a fixed width."""
    low = bytes(number >> 7 * place & 127 | 128 for place in range(_LENGTH_BYTES - 1))
    return low + bytes([number >> 7 * (_LENGTH_BYTES - 1)])
