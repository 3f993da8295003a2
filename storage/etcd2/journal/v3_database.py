"""The empty database of etcd's third API beside a snapshot, for a real etcd 3 that takes over.

An etcd 3 that finds a snapshot looks for its database, which says up to which entry of the log it
has been brought; without one it does not start. Ours holds that number and no key.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from storage.bolt_file import BoltFile
from storage.errors import StoreError
from storage.etcd3.data_dir import sync_directory

NAME: Final = "db"


def empty_database(entry: int) -> bytes:
    """Return a database without keys that has been brought up to an entry of the log."""
    content = io.BytesIO()
    file = BoltFile(content)
    meta = file.bucket(b"meta")
    meta.add(b"consistent_index", entry.to_bytes(8, "big"))
    meta.end()
    file.finish()
    return content.getvalue()


def put_database(folder: Path, entry: int, *, sync: bool) -> None:
    """Put an empty database, unless there is one that is not ours. Raises StoreError."""
    path, new = folder / NAME, folder / f"{NAME}.tmp"
    try:
        if path.exists() and not _is_ours(path):
            return
        content = empty_database(entry)
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(fd, 0)
            if os.pwrite(fd, content, 0) != len(content):
                raise OSError(27, "File too large")
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        new.rename(path)
        if sync:
            sync_directory(folder)
    except OSError as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise StoreError(f"{path}: {error.strerror}") from error


def _is_ours(path: Path) -> bool:
    """Return whether it is an empty database, up to whichever entry."""
    lowest, highest = empty_database(0), empty_database((1 << 64) - 1)
    if path.stat().st_size != len(lowest):
        return False
    triples = zip(path.read_bytes(), lowest, highest, strict=True)
    return all(found == low or low != high for found, low, high in triples)
