"""Values by row in LMDB."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from storage.engine.backend import Recovered, Stored
from storage.engine.key_index import FIRST_REVISION, REVISION_MASK
from storage.engine.staging import Staging
from storage.errors import StoreError, StoreOpenError
from storage.etcd3.data_dir import DataDir
from storage.etcd3.lmdb_file import LmdbFile, MapFullError
from storage.etcd3.rows import (
    LEASES_KEY,
    META_KEY,
    PROBE_KEY,
    Meta,
    decode_leases,
    decode_meta,
    encode_leases,
    encode_meta,
    encode_rows,
    plain_row_key,
    recover,
    row_key,
    stored_in,
    views_of,
)
from storage.mvcc import View
from storage.records import Change

FILE_NAME = "db.lmdb"

MAP_BYTES = 1 << 30
"""Where the map starts; it is address space, not memory, and doubles when the file fills it."""

MAP_MAX_BYTES = 64 << 30
"""Where it stops: beyond it commits fail, and the store raises its alarm."""


PROBE_MAX_BYTES = 1 << 16
"""A probe writes as much as the group that failed, up to this: on a full disk a smaller one finds
a few free pages, and the alarm comes and goes with every write."""


class Etcd3Backend:
    """A ``Backend`` in a directory of its own."""

    def __init__(
        self,
        path: Path,
        *,
        sync: bool = True,
        map_bytes: int = MAP_BYTES,
        map_max_bytes: int = MAP_MAX_BYTES,
        staging: Staging | None = None,
    ) -> None:
        self._staging = Staging() if staging is None else staging
        self._dir = DataDir(path)
        self._path = path / FILE_NAME
        self._sync = sync
        self._file = LmdbFile(self._path, map_bytes=map_bytes, sync=sync, staged=self._staging.over)
        self._map_max_bytes = map_max_bytes
        self._meta = Meta(FIRST_REVISION, FIRST_REVISION)
        self._failed_bytes = 0

    def open(self) -> Recovered:
        if not self._path.exists():
            self._dir.refuse_others()
        self._dir.acquire()
        try:
            if not self._path.exists():
                self._make()
            self._file.open()
            if self._sync:
                # A process that was killed within a commit, or while it made the file, leaves what
                # can be read and is not on the disk: what is shown from now on must not be lost.
                self._file.sync()
                self._dir.sync()
            self._meta = decode_meta(self._file.get(META_KEY))
            found = self._file.scan(row_key(0), lambda rows: recover(rows, self._meta))
            return found._replace(granted=decode_leases(self._file.get(LEASES_KEY)))
        except BaseException:
            self.close()
            raise

    def _make(self) -> None:
        """Make the data file, whole or not at all: under another name, renamed when durable."""
        new = self._path.with_name(FILE_NAME + ".new")
        file = LmdbFile(new, map_bytes=self._file.map_bytes, sync=self._sync)
        try:
            new.unlink(missing_ok=True)
            file.open()
            file.change([(META_KEY, encode_meta(Meta(FIRST_REVISION, FIRST_REVISION)))], ())
            file.close()
            new.replace(self._path)
            new.with_name(new.name + "-lock").unlink(missing_ok=True)
        except OSError as error:
            raise StoreOpenError(f"{self._dir.path}: {error.strerror}") from error
        except StoreOpenError:
            raise
        except StoreError as error:
            raise StoreOpenError(str(error)) from error
        finally:
            file.close()

    def close(self) -> None:
        self._file.close()
        self._dir.release()

    def value(self, row: int) -> Stored:
        name = plain_row_key(row) if row <= REVISION_MASK else row_key(row)
        return self._file.cut((name,), stored_in)[0]

    def values(self, rows: Sequence[int]) -> list[Stored]:
        try:
            return self._file.cut(map(plain_row_key, rows), stored_in)
        except struct.error:  # a revision is shared: rare, so others do not pay for it
            return self._file.cut(map(row_key, rows), stored_in)

    def view(self, rows: Sequence[int], use: Callable[[Iterator[View]], int]) -> int:
        shared = max(rows) > REVISION_MASK
        keys = map(row_key if shared else plain_row_key, rows)
        return self._file.each(keys, lambda found: use(views_of(found)))

    def disk_bytes(self) -> int:
        return self._file.used_bytes()

    def commit(self, changes: Sequence[Change], deadlines: Mapping[int, int]) -> None:
        rows = encode_rows(changes, deadlines)
        try:
            self._file.append(rows)
        except StoreError:
            self._failed_bytes = sum(len(row) for _, row in rows)
            raise

    def promise_compaction(self, revision: int) -> None:
        self._staging.over()
        self._change_meta(self._meta._replace(promised=max(revision, self._meta.promised)), ())

    def keep_leases(self, leases: Sequence[tuple[int, int]]) -> None:
        self._staging.over()
        self._file.change([(LEASES_KEY, encode_leases(leases))], ())

    def drop(self, rows: Sequence[int], base: int) -> None:
        self._staging.over()
        self._change_meta(self._meta._replace(base=base), map(row_key, rows))

    def probe(self, applied: int) -> None:
        self._staging.over()
        # A commit that was reported as failed may still have reached the disk.
        landed = self._file.keys_from(row_key(applied + 1))
        ballast = bytes(min(self._failed_bytes, PROBE_MAX_BYTES))
        self._file.change([(PROBE_KEY, ballast)], ())
        self._change_meta(self._meta, [PROBE_KEY, *landed])

    def recover(self, error: Exception) -> bool:
        if isinstance(error, MapFullError) and self._file.map_bytes < self._map_max_bytes:
            try:
                self._file.grow(min(self._map_max_bytes, 2 * self._file.map_bytes))
            except StoreError:  # no address space, say: the job fails as it would at the limit
                self._file.reopen()
                return False
            return True
        if isinstance(error, StoreError) and not isinstance(error, MapFullError):
            # After a failed sync LMDB refuses to go on with the old handle. Where it cannot be
            # opened for writing reads go on; the probe fails, which leads here again.
            self._file.reopen()
        return False

    def _change_meta(self, meta: Meta, deletes: Sequence[bytes] | map[bytes]) -> None:
        self._file.change([(META_KEY, encode_meta(meta))], deletes)
        self._meta = meta
