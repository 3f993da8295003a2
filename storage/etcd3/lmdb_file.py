"""LMDB, narrowed to what the engine needs and typed; its errors end here.

Commits are durable when ``append`` or ``change`` returns, unless ``sync`` is off: LMDB writes pages
(to places that no durable state uses), syncs them, then writes its meta page, 120 bytes within one
sector, through a descriptor with O_DSYNC. That needs NOSYNC, NOMETASYNC and WRITEMAP off. Read
transactions live within one call. One thread writes; the loop reads, opens, grows and closes.

After a commit that failed too late LMDB refuses everything, reads too, until the file is opened
again. A read that comes before the writer's failure is known on the loop does that itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import lmdb

from storage.errors import StoreError, StoreOpenError

T = TypeVar("T")


class MapFullError(StoreError):
    """The file has reached the size of its map; ``grow`` helps."""


def _nothing() -> None:
    return


class LmdbFile:
    """One LMDB file with one table."""

    def __init__(
        self, path: Path, *, map_bytes: int, sync: bool, staged: Callable[[], None] = _nothing
    ) -> None:
        self._path = path
        self._staged = staged
        """Called when the rows of ``append`` stand in the transaction, before it is committed."""
        self._sync = sync
        self.map_bytes = map_bytes
        """How far the file may grow before ``write`` raises MapFullError."""
        self._used_bytes = 0
        self._env: lmdb.Environment | None = None
        self._writing = threading.Lock()
        """Held from the beginning of a write transaction to its end."""

    def open(self, *, readonly: bool = False) -> None:
        """Open or make the file; ``readonly`` asks nothing of the disk but to be read.

        Raises StoreOpenError.
        """
        try:
            self._env = lmdb.open(
                str(self._path),
                map_size=self.map_bytes,
                subdir=False,
                readonly=readonly,
                lock=not readonly,
                sync=self._sync,
                metasync=self._sync,
                writemap=False,
                max_spare_txns=4,
            )
            # A file that has grown past the size asked for is mapped whole, and said so.
            self.map_bytes = self._env.info()["map_size"]
        except lmdb.Error as error:
            self.close()
            raise StoreOpenError(_told(error, self._path)) from error

    def sync(self) -> None:
        """Make what the file shows durable, whoever wrote it. Raises StoreOpenError."""
        try:
            self._opened().sync(force=True)
        except lmdb.Error as error:
            raise StoreOpenError(_told(error, self._path)) from error

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._env is not None:
            self._env.close()
            self._env = None

    def reopen(self) -> None:
        """Open it again, where it cannot be written to for reading; called on the loop.

        Raises nothing: where that fails, too, reads and writes do, until the next call.
        """
        with self._writing:
            self.close()
            try:
                self.open()
            except StoreError:
                with suppress(StoreError):
                    self.open(readonly=True)

    def get(self, key: bytes) -> bytes | None:
        """Return a copy of one row, or None."""
        try:
            with self._opened().begin() as txn:
                return txn.get(key)
        except lmdb.Error as error:
            raise StoreError(_told(error, self._path)) from error

    def cut(self, keys: Iterable[bytes], take: Callable[[memoryview], T]) -> list[T]:
        """Return ``take(row)`` for each of the keys; it must copy what it keeps of the row.

        Raises StoreError where a row is missing.
        """
        try:
            with self._opened().begin(buffers=True) as txn:
                get = txn.get
                return [take(get(key)) for key in keys]  # type: ignore[arg-type]  # None: see below
        except lmdb.PanicError:  # where the transaction was to begin: no key has been taken
            self.reopen()
            return self.cut(keys, take)
        except lmdb.Error as error:
            raise StoreError(_told(error, self._path)) from error
        except TypeError as error:  # take(None)
            raise StoreError(f"{self._path}: a row is missing") from error

    def each(self, keys: Iterable[bytes], use: Callable[[Iterator[memoryview]], T]) -> T:
        """Return ``use(rows)`` over the rows of the keys, each read when it is asked for.

        Raises StoreError where a row is missing that ``use`` looks into.
        """
        try:
            with self._opened().begin(buffers=True) as txn:
                return use(map(txn.get, keys))  # type: ignore[arg-type]  # None: see below
        except lmdb.PanicError:  # where the transaction was to begin: nothing has been used
            self.reopen()
            return self.each(keys, use)
        except lmdb.Error as error:
            raise StoreError(_told(error, self._path)) from error
        except TypeError as error:  # None has no bytes
            raise StoreError(f"{self._path}: a row is missing") from error

    def scan(self, first: bytes, take: Callable[[Iterable[tuple[memoryview, memoryview]]], T]) -> T:
        """Return ``take(rows)`` over all rows from key ``first`` on, in order."""
        try:
            with self._opened().begin(buffers=True) as txn, txn.cursor() as cursor:
                if not cursor.set_range(first):  # then iternext would begin with the first row
                    return take(())
                return take(cursor.iternext(keys=True, values=True))
        except lmdb.Error as error:
            raise StoreOpenError(_told(error, self._path)) from error

    def append(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        """Write rows whose keys come after all others, in one commit. Raises MapFullError."""

        def put(txn: lmdb.Transaction) -> None:
            with txn.cursor() as cursor:
                cursor.putmulti(rows, append=True)
            self._staged()

        self._write(put)

    def change(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes]) -> None:
        """Delete and put rows in one commit."""

        def apply(txn: lmdb.Transaction) -> None:
            for key in deletes:
                txn.delete(key)
            for key, row in puts:
                txn.put(key, row)

        self._write(apply)

    def keys_from(self, first: bytes) -> list[bytes]:
        """Return the keys of all rows from ``first`` on."""
        return self.scan(first, lambda rows: [bytes(key) for key, _ in rows])

    def grow(self, map_bytes: int) -> None:
        """Enlarge the map. No transaction may be under way in this process."""
        try:
            self._opened().set_mapsize(map_bytes)
        except lmdb.Error as error:
            raise StoreError(_told(error, self._path)) from error
        self.map_bytes = map_bytes

    def used_bytes(self) -> int:
        """Return how far into the file pages are in use; of a file that is not open, as before."""
        if self._env is not None:
            pages = int(self._env.info()["last_pgno"]) + 1
            self._used_bytes = pages * int(self._env.stat()["psize"])
        return self._used_bytes

    def _write(self, work: Callable[[lmdb.Transaction], None]) -> None:
        try:
            with self._writing, self._opened().begin(write=True) as txn:
                work(txn)
        except lmdb.MapFullError as error:
            raise MapFullError(
                f"{self._path}: the map of {self.map_bytes} bytes is full"
            ) from error
        except lmdb.Error as error:
            raise StoreError(f"{_told(error, self._path)}{self._free()}") from error

    def _free(self) -> str:
        """Say how much room there is: LMDB calls a write cut short by a full disk an I/O error."""
        try:
            disk = os.statvfs(self._path)
        except OSError:
            return ""
        return f" ({disk.f_bavail * disk.f_frsize} bytes are free on its disk)"

    def _opened(self) -> lmdb.Environment:
        if self._env is None:
            raise StoreError(f"{self._path} is not open")
        return self._env


def _told(error: lmdb.Error, path: Path) -> str:
    """Return what LMDB says, with the path once."""
    said = str(error)
    return said if str(path) in said else f"{path}: {said}"
