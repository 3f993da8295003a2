"""The data directory of etcd 2: ``member/wal`` and ``member/snap``, as a real etcd's.

It is held under two locks: ours, which names the process, and etcd's own on the log's last segment,
so that a real etcd and we never write into one directory at a time.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from storage.errors import StoreOpenError
from storage.etcd2.journal.reading import Segment, segments_in
from storage.etcd3.data_dir import LOCK_NAME, DataDir, make_durably, sync_directory

OTHERS: Final = {
    "db.lmdb": "an etcd3 store",
    "members.json": "real etcd members",
    "data.mdb": "another program that stores in LMDB",
    "proxy": "a proxy of etcd",
}
"""Files and directories that stand where we have never been, and whose they are."""

_FLOCK: Final = "hhqqi4x"


class Etcd2Dir:
    """A directory under exclusive locks, which end with ``release`` or with the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "member" / "wal"
        self.snapshots = path / "member" / "snap"
        self._dir = DataDir(path)
        self._locked = -1
        self._new_lock = False

    def acquire(self) -> list[Segment]:
        """Make and lock it; return the segments of the log, none if it is new.

        Raises StoreOpenError; then the directory is as it was.
        """
        for name, owner in OTHERS.items():
            if (self.path / name).exists():
                raise StoreOpenError(f"{self.path} holds the data of {owner}: there is a {name}")
        self._new_lock = not (self.path / LOCK_NAME).exists()
        self._dir.acquire()
        try:
            segments = segments_in(self.log) if self.log.is_dir() else []
            if segments:
                self.hold(segments[-1])
            else:
                self._refuse_remains()
                for folder in (self.log, self.snapshots):
                    make_durably(folder)
                    for each in (folder, folder.parent):
                        each.chmod(0o700)  # as etcd wants it
        except OSError as error:
            self.abandon()
            raise StoreOpenError(f"{self.path}: {error.strerror}") from error
        except BaseException:
            self.abandon()
            raise
        return segments

    def hold(self, segment: Segment) -> None:
        """Take etcd's lock on a segment, instead of the one before.

        Raises StoreOpenError where a real etcd has it.
        """
        try:
            fd = os.open(segment.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise StoreOpenError(f"{segment.path}: {error.strerror}") from error
        try:
            whole = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, whole)
        except OSError as error:
            os.close(fd)
            if not isinstance(error, BlockingIOError):
                raise StoreOpenError(f"{segment.path}: {error.strerror}") from error
            raise StoreOpenError(f"{self.path} is in use by a real etcd") from None
        before, self._locked = self._locked, fd
        if before >= 0:
            os.close(before)

    def sync(self) -> None:
        """Make the entries of its directories durable, and its own. Raises StoreOpenError."""
        for folder in (self.snapshots, self.log, self.log.parent):
            sync_directory(folder)
        self._dir.sync()

    def abandon(self) -> None:
        """Let go of a directory that is not ours, and leave nothing of us in it. Idempotent."""
        if self._new_lock:
            self._new_lock = False
            with suppress(OSError):
                (self.path / LOCK_NAME).unlink()
        self.release()

    def release(self) -> None:
        """Let go of the locks. Idempotent."""
        if self._locked >= 0:
            os.close(self._locked)
            self._locked = -1
        self._dir.release()

    def _refuse_remains(self) -> None:
        """Refuse what looks like a directory whose log is gone."""
        if self.snapshots.is_dir() and any(self.snapshots.iterdir()):
            raise StoreOpenError(f"{self.path}: there is no log, but {self.snapshots} is not empty")


def of_one_member(path: Path, nodes: Sequence[int]) -> None:
    """Raise StoreOpenError where the data are those of a cluster of several members."""
    if len(nodes) > 1:
        raise StoreOpenError(f"{path} belongs to a cluster of {len(nodes)} members")
