"""The log's files, written to: groups at its end, a new segment when one is full."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from serialization.api.etcd import log_pb2 as pb
from storage.engine.staging import Staging
from storage.errors import StoreError
from storage.etcd2.journal.reading import LogContent, Segment
from storage.etcd2.journal.records import Kind, framed, head
from storage.etcd3.data_dir import sync_directory

SEGMENT_BYTES: Final = 64_000_000
"""How long a segment gets, about; the space is taken when it is made: etcd's own constant."""

SEGMENTS_MAX: Final = 5
"""How many segments are kept that nobody needs: etcd's own default."""

PROBE_MAX_BYTES: Final = 1 << 16
"""A probe writes as much as the group that failed, up to this."""

BLOCK_BYTES: Final = 4096
"""What a file system writes at once: the last one is written again after a failure."""


class Log:
    """The end of a log. One thread at a time."""

    def __init__(
        self,
        folder: Path,
        *,
        sync: bool,
        staging: Staging,
        hold: Callable[[Segment], None],
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """``hold`` keeps others out of the segment that is written to."""
        self._hold = hold
        self._folder = folder
        self._sync = sync
        self._staging = staging
        self._segment_bytes = segment_bytes
        self._segments: list[Segment] = []
        self._sizes: dict[Path, int] = {}
        """Of the segments that are full."""
        self._full_bytes = 0
        self._fd = -1
        self._end = self._crc = 0
        self._metadata = b""
        self._failed_bytes = 0
        """Of the write that failed and has not been cut off yet."""
        self._marked = (0, 0, 0)
        """End, check sum and last entry at the mark."""
        self.term = self.vote = 0
        self.last = 0
        """The index of the last entry that is durable."""

    @property
    def disk_bytes(self) -> int:
        """What is used of its files."""
        return self._full_bytes + self._end

    def make(self, metadata: bytes, first: Sequence[tuple[Kind, bytes]]) -> None:
        """Begin a log that does not exist yet, with these records. Raises StoreError."""
        self._metadata = metadata
        none = pb.SnapshotAt(index=0, term=0).SerializeToString()
        records = [(Kind.METADATA, metadata), (Kind.SNAPSHOT, none), *first, self._state()]
        self._begin(Segment(0, 0, self._path(0, 0)), 0, records)
        self._hold(self._segments[-1])

    def open(self, segments: Sequence[Segment], content: LogContent) -> None:
        """Go on with a log that has been read; what stands behind its end is cut off.

        All that was read is durable then. Raises StoreError.
        """
        self._segments = list(segments)
        self._metadata = content.metadata
        self.term, self.vote, self.last = content.term, content.vote, content.last
        tail = segments[-1]
        try:
            self._sizes = {each.path: each.path.stat().st_size for each in segments[:-1]}
            self._full_bytes = sum(self._sizes.values())
            self._fd = os.open(tail.path, os.O_RDWR | os.O_CLOEXEC)
            self._end, self._crc = content.end, content.crc
            os.ftruncate(self._fd, self._end)
            self._reserve(self._fd)
            if self._sync:
                os.fdatasync(self._fd)
        except OSError as error:
            raise _failure(tail.path, error) from error

    def mark(self) -> None:
        """Note that everything up to here is known to be durable."""
        self._marked = (self._end, self._crc, self.last)

    def forget(self) -> None:
        """Take back what was written behind the mark: it counts as failed, whatever it came to."""
        written = self._end
        self._end, self._crc, self.last = self._marked
        self._failed_bytes = max(self._failed_bytes, written - self._end)

    def append(self, entries: Sequence[bytes]) -> None:
        """Write entries behind the last one and make them durable, all or none.

        Raises StoreError.
        """
        term, last = self.term, self.last
        entry = pb.Entry
        records = [
            (
                Kind.ENTRY,
                entry(Type=0, Term=term, Index=index, Data=payload).SerializeToString(),
            )
            for index, payload in enumerate(entries, last + 1)
        ]
        last += len(entries)
        records.append(self._state(last))
        self._write(records)
        self.last = last

    def note_snapshot(self, index: int, term: int) -> None:
        """Write that a snapshot has been taken. Raises StoreError."""
        at = pb.SnapshotAt(index=index, term=term)
        self._write([(Kind.SNAPSHOT, at.SerializeToString())])

    def release(self, index: int) -> None:
        """Remove segments that nobody needs who has the state at ``index``. Raises StoreError."""
        self._staging.over()
        needed = max(at for at, each in enumerate(self._segments) if each.first <= index)
        spare = max(0, min(needed, len(self._segments) - SEGMENTS_MAX))
        for segment in self._segments[:spare]:
            try:
                segment.path.unlink(missing_ok=True)
            except OSError as error:
                raise _failure(segment.path, error) from error
            self._segments.remove(segment)
            self._full_bytes -= self._sizes.pop(segment.path)

    def probe(self) -> None:
        """Cut off what a failed group has left, and write durably as much again."""
        self._staging.over()
        if self._end >= self._segment_bytes:
            self._cut()
            return
        self._clean()

    def close(self) -> None:
        """Let go; what was reserved and not used is given back. Idempotent."""
        if self._fd >= 0:
            with suppress(OSError):
                os.ftruncate(self._fd, self._end)
            os.close(self._fd)
            self._fd = -1

    def _state(self, last: int = 0) -> tuple[Kind, bytes]:
        state = pb.HardState(term=self.term, vote=self.vote, commit=last or self.last)
        return Kind.STATE, state.SerializeToString()

    def _clean(self) -> None:
        try:
            os.ftruncate(self._fd, self._end)
            self._reserve(self._fd)
            # The last block holds both what is durable and what failed; after a failed sync the
            # kernel may take its own copy for written.
            start = self._end - self._end % BLOCK_BYTES
            block = os.pread(self._fd, self._end - start, start)
            block += bytes(min(self._failed_bytes, PROBE_MAX_BYTES))
            self._put(self._fd, block, start)
        except OSError as error:
            raise _failure(self._segments[-1].path, error) from error
        self._failed_bytes = 0

    def _write(self, records: Sequence[tuple[Kind, bytes]]) -> None:
        if self._failed_bytes:
            self._clean()
        if self._end >= self._segment_bytes:
            self._cut()
        written, crc = framed(records, self._crc)
        self._staging.over()
        try:
            self._put(self._fd, written, self._end)
        except OSError as error:
            self._failed_bytes = len(written)
            raise _failure(self._segments[-1].path, error) from error
        self._end += len(written)
        self._crc = crc

    def _put(self, fd: int, written: bytes, at: int) -> None:
        """Write and sync."""
        rest = memoryview(written)
        while rest:
            count = os.pwrite(fd, rest, at)
            rest, at = rest[count:], at + count
        if self._sync:
            os.fdatasync(fd)

    def _cut(self) -> None:
        """Close the segment that is full, and begin the next. Raises StoreError."""
        self._staging.over()
        full = self._segments[-1]
        try:
            os.ftruncate(self._fd, self._end)
            if self._sync:
                os.fsync(self._fd)
        except OSError as error:
            raise _failure(full.path, error) from error
        number, first = full.number + 1, self.last + 1
        records = [(Kind.METADATA, self._metadata), self._state()]
        old, used = self._fd, self._end
        self._begin(Segment(number, first, self._path(number, first)), self._crc, records)
        os.close(old)
        self._sizes[full.path] = used
        self._full_bytes += used
        self._failed_bytes = 0
        self.mark()
        self._hold(self._segments[-1])

    def _begin(self, segment: Segment, crc: int, records: Sequence[tuple[Kind, bytes]]) -> None:
        """Make a segment, whole or not at all: under another name, renamed when durable."""
        new = self._folder / f"{segment.number}.tmp"
        fd = -1
        try:
            fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(fd, 0)
            self._reserve(fd)
            written, after = framed(records, crc)
            written = head(crc) + written
            self._put(fd, written, 0)
            if self._sync:
                os.fsync(fd)  # its length, too
            new.rename(segment.path)
            if self._sync:
                sync_directory(self._folder)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            new.unlink(missing_ok=True)
            raise _failure(segment.path, error) from error
        self._segments.append(segment)
        self._fd, self._end, self._crc = fd, len(written), after

    def _reserve(self, fd: int) -> None:
        """Take the space of a whole segment, so that a group finds it.

        Where there is none it goes on without: groups fail, then, that do not fit.
        """
        with suppress(OSError):
            os.posix_fallocate(fd, 0, self._segment_bytes)

    def _path(self, number: int, first: int) -> Path:
        return self._folder / f"{number:016x}-{first:016x}.wal"


def _failure(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: {error.strerror}")
