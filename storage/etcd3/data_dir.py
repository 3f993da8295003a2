"""The data directory: made where it is missing, durably, and held by one process at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from storage.errors import StoreOpenError

LOCK_NAME: Final = "lock"
OTHERS: Final = {
    "member": "a real etcd or of an etcd2 store",
    "members.json": "real etcd members",
    "data.mdb": "another program that stores in LMDB",
}
"""Files and directories that stand where we have never been, and whose they are."""


class DataDir:
    """A directory under an exclusive lock, which ends with ``release`` or with the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Make the directory and lock it. Raises StoreOpenError, naming the holder's pid."""
        try:
            make_durably(self.path)
            fd = os.open(self.path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreOpenError(f"{self.path}: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(fd, 32).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise StoreOpenError(f"{self.path} is in use by process {holder}") from None
        self._fd = fd
        try:
            os.ftruncate(fd, 0)
            os.write(fd, f"{os.getpid()}\n".encode())
        except OSError as error:  # a full disk
            self.release()
            raise StoreOpenError(f"{self.path}: {error.strerror}") from error

    def refuse_others(self) -> None:
        """Raise StoreOpenError where the data of another store are: they would seem to be lost."""
        for name, owner in OTHERS.items():
            if (self.path / name).exists():
                raise StoreOpenError(f"{self.path} holds the data of {owner}: there is a {name}")

    def sync(self) -> None:
        """Make its entries durable, and its own entry. Raises StoreOpenError."""
        try:
            sync_directory(self.path)
            with suppress(PermissionError):  # the directory above may be another's
                sync_directory(self.path.parent)
        except OSError as error:
            raise StoreOpenError(f"{self.path}: {error.strerror}") from error

    def release(self) -> None:
        """Let go of the lock. Idempotent."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def make_durably(path: Path) -> None:
    """Make a directory and what is missing above it; each entry survives a loss of power."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_directory(each.parent)


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable: that a file exists is not the file's to say."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
