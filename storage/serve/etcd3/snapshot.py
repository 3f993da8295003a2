"""The snapshot: a database file that etcd's own tools read, verify and restore.

How it works. The state as of the compact revision comes first, one row a key; then every change
since, replayed by a watch over all keys, so old revisions can be read and watched in the copy as
here. Rows stand in the order of revisions, which is the order of their keys in etcd's file, so the
file is written in one go, to a temporary file: what stands at its front is known last. It is then
streamed, with the hash of its bytes behind it.

A compaction in the meantime takes away what is being read; then it begins again.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from hashlib import sha256
from tempfile import TemporaryFile
from typing import BinaryIO, Final

from serialization.api.etcd.kv_pb2 import KeyValue as Row
from serialization.api.etcd.rpc_pb2 import LeaseCheckpoint, SnapshotResponse
from storage.bolt_file import BoltFile, Bucket
from storage.errors import CompactedError, LeaseNotFoundError, StoreError
from storage.mvcc import Mvcc, RangeOp, SortOrder, SortTarget, Span
from storage.records import Batch, Change
from storage.serve.etcd3.serving import VERSION, Serving

BLOB_BYTES: Final = 32 << 10
"""How much of the file a message carries, as etcd's."""

TRIES: Final = 5
"""How often it begins again where compactions come between."""

EMPTY_BUCKETS: Final = (
    *(b"alarm", b"auth", b"authRoles", b"authUsers"),
    *(b"cluster", b"members", b"members_removed"),
)
"""Which etcd's tools look for; who restores says who the members are."""

EVERYTHING: Final = Span(b"\0", b"\0")

_NUMBER: Final = struct.Struct(">Q")


async def stream(serving: Serving) -> AsyncIterator[SnapshotResponse]:
    """Yield the file in pieces, then its hash. Raises StoreError."""
    store = serving.store
    with TemporaryFile() as file:
        size = await write(store, file)
        header = serving.header(store.current_revision())
        digest = sha256()
        file.seek(0)
        sent = 0
        while blob := file.read(BLOB_BYTES):
            digest.update(blob)
            sent += len(blob)
            yield SnapshotResponse(
                header=header, remaining_bytes=size - sent, blob=blob, version=VERSION
            )
        yield SnapshotResponse(header=header, blob=digest.digest(), version=VERSION)


async def write(store: Mvcc, file: BinaryIO) -> int:
    """Write the store as a database of etcd's; return its size in bytes.

    Raises StoreError; CompactedError where compactions come faster than this can read.
    """
    for left in reversed(range(TRIES)):
        try:
            return await _write(store, file)
        except CompactedError:
            if not left:
                raise
            file.seek(0)
            file.truncate()
    raise AssertionError("the last try returns or raises")


async def _write(store: Mvcc, file: BinaryIO) -> int:
    base = store.oldest_revision()
    bolt = BoltFile(file)
    for name in EMPTY_BUCKETS:
        bolt.bucket(name).end()
    rows = Rows(bolt.bucket(b"key"))
    await _write_base(store, rows, base)
    await _write_history(store, rows, base)
    rows.end()
    bucket = bolt.bucket(b"lease")
    for lease_id in await store.leases.lease_ids():
        try:
            ttl_s = (await store.leases.time_to_live(lease_id)).ttl_s
        except LeaseNotFoundError:  # it has ended meanwhile
            continue
        # A lease in the file has the numbers of this message: its id is 1, its whole TTL is 2.
        lease = LeaseCheckpoint(ID=lease_id, remaining_TTL=ttl_s)
        bucket.add(_NUMBER.pack(lease_id), lease.SerializeToString())
    bucket.end()
    _write_meta(bolt.bucket(b"meta"), rows.revision, base)
    return bolt.finish()


async def _write_base(store: Mvcc, rows: Rows, base: int) -> None:
    """Write the state as of the compact revision, in the order of revisions."""
    in_order = RangeOp(
        EVERYTHING,
        revision=base,
        order=SortOrder.ASCEND,
        target=SortTarget.MOD,
        keys_only=True,
    )
    found, _ = await store.range(in_order)
    for at, known in enumerate(found.kvs):
        state = await store.get(known.key, revision=base)
        assert state is not None, "it is there at that revision"
        rows.put(
            Row(
                key=state.key,
                value=state.value,
                create_revision=state.create_revision,
                mod_revision=state.revision,
                version=state.version,
                lease=state.lease,
            )
        )
        if at % 200 == 199:
            await asyncio.sleep(0)


async def _write_history(store: Mvcc, rows: Rows, base: int) -> None:
    """Write every change since."""
    history = History(rows, store.current_revision())
    if history.upto <= base:
        rows.revision = max(rows.revision, base)
        return
    watch = store.watch_span(EVERYTHING, history, after=base)
    try:
        await history.done
    finally:
        watch.cancel()


class Rows:
    """The rows of the key bucket: revision and place within it, then the key's state."""

    def __init__(self, bucket: Bucket) -> None:
        self.revision = 0
        """The last one written."""
        self._bucket = bucket
        self._place = 0

    def put(self, row: Row, *, deleted: bool = False) -> None:
        """Add a row; revisions never go back."""
        self._place = self._place + 1 if row.mod_revision == self.revision else 0
        self.revision = row.mod_revision
        key = _revision(row.mod_revision, self._place)
        if deleted:
            self._bucket.add(key + b"t", Row(key=row.key).SerializeToString())
        else:
            self._bucket.add(key, row.SerializeToString())

    def change(self, change: Change) -> None:
        """Add what a change wrote."""
        self.put(
            Row(
                key=change.key,
                value=change.value or b"",
                create_revision=change.create_revision,
                mod_revision=change.revision,
                version=change.version,
                lease=change.lease,
            ),
            deleted=change.value is None,
        )

    def end(self) -> None:
        """No more rows come."""
        self._bucket.end()


class History:
    """A ``Watcher`` that writes what it is told, up to a revision at least."""

    def __init__(self, rows: Rows, upto: int) -> None:
        self.upto = upto
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rows = rows

    def deliver(self, batch: Batch) -> None:
        """As ``Watcher.deliver``."""
        if self.done.done():
            return
        try:
            for change in batch.changes:
                self._rows.change(change)
        except OSError as error:  # no room for the temporary file
            self.done.set_exception(StoreError(f"snapshot: {error.strerror}"))
            return
        if batch.revision >= self.upto:
            self._rows.revision = batch.revision
            self.done.set_result(None)

    def closed(self, error: StoreError) -> None:
        """As ``Watcher.closed``."""
        if not self.done.done():
            self.done.set_exception(error)


def _write_meta(bucket: Bucket, revision: int, base: int) -> None:
    bucket.add(b"consistent_index", _NUMBER.pack(revision))
    if base > 1:
        bucket.add(b"finishedCompactRev", _revision(base, 0))
        bucket.add(b"scheduledCompactRev", _revision(base, 0))
    bucket.end()


def _revision(main: int, sub: int) -> bytes:
    return _NUMBER.pack(main) + b"_" + _NUMBER.pack(sub)
