"""Values by revision in LMDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from storage.engine.backend import Recovered
from storage.errors import StoreError
from storage.etcd3.data_dir import DataDir
from storage.etcd3.lmdb_file import LmdbFile, MapFullError
from storage.etcd3.rows import (
    META_KEY,
    Meta,
    decode_meta,
    encode_meta,
    encode_rows,
    recover,
    row_key,
    value_of,
)
from storage.records import Change

FILE_NAME = "db.lmdb"

MAP_BYTES = 1 << 30
"""Where the map starts; it is address space, not memory, and doubles when the file fills it."""

MAP_MAX_BYTES = 64 << 30
"""Where it stops: beyond it commits fail, and the store raises its alarm."""


class Etcd3Backend:
    """A ``Backend`` in a directory of its own."""

    def __init__(
        self,
        path: Path,
        *,
        sync: bool = True,
        map_bytes: int = MAP_BYTES,
        map_max_bytes: int = MAP_MAX_BYTES,
    ) -> None:
        self._dir = DataDir(path)
        self._file = LmdbFile(path / FILE_NAME, map_bytes=map_bytes, sync=sync)
        self._map_max_bytes = map_max_bytes
        self._meta = decode_meta(None)

    def open(self) -> Recovered:
        self._dir.acquire()
        try:
            self._file.open()
            row = self._file.get(META_KEY)
            self._meta = decode_meta(row)
            if row is None:
                self._file.change([(META_KEY, encode_meta(self._meta))], ())
            return self._file.scan(row_key(0), lambda rows: recover(rows, self._meta))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()
        self._dir.release()

    def value(self, revision: int) -> bytes:
        return self._file.cut((row_key(revision),), value_of)[0]

    def values(self, revisions: Sequence[int]) -> list[bytes]:
        return self._file.cut(map(row_key, revisions), value_of)

    def disk_bytes(self) -> int:
        return self._file.used_bytes()

    def commit(self, changes: Sequence[Change], deadlines: Mapping[int, int]) -> None:
        self._file.append(encode_rows(changes, deadlines))

    def promise_compaction(self, revision: int) -> None:
        self._change_meta(self._meta._replace(promised=max(revision, self._meta.promised)), ())

    def drop(self, revisions: Sequence[int], base: int) -> None:
        self._change_meta(self._meta._replace(base=base), map(row_key, revisions))

    def probe(self, applied: int) -> None:
        # A commit that was reported as failed may still have reached the disk.
        self._change_meta(self._meta, self._file.keys_from(row_key(applied + 1)))

    def recover(self, error: Exception) -> bool:
        if isinstance(error, MapFullError) and self._file.map_bytes < self._map_max_bytes:
            try:
                self._file.grow(min(self._map_max_bytes, 2 * self._file.map_bytes))
            except StoreError:  # no address space, say: the job fails as it would at the limit
                self._reopen()
                return False
            return True
        if isinstance(error, StoreError) and not isinstance(error, MapFullError):
            self._reopen()
        return False

    def _reopen(self) -> None:
        """Open the file again: after a failed sync LMDB refuses to go on with the old handle."""
        self._file.close()
        try:
            self._file.open()
        except StoreError:
            return  # the probe fails, which leads here again

    def _change_meta(self, meta: Meta, deletes: Sequence[bytes] | map[bytes]) -> None:
        self._file.change([(META_KEY, encode_meta(meta))], deletes)
        self._meta = meta
