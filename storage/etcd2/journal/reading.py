"""What the segments of a log hold: read once, at opening."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from serialization.api.etcd import log_pb2 as pb
from storage.errors import StoreOpenError
from storage.etcd2.journal.records import DamagedError, Found, Kind, TornError, read_records

_NAME: Final = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.wal")


class Segment(NamedTuple):
    """A file of the log."""

    number: int
    first: int
    """The index of the first entry that may stand in it."""
    path: Path


class Entry(NamedTuple):
    """An entry of the log."""

    kind: int
    term: int
    number: int
    """Its index in the log; that of the store is another."""
    payload: bytes


class LogContent(NamedTuple):
    """What a log holds from some segment on."""

    metadata: bytes
    """Of the log's first record: whose it is."""
    term: int
    vote: int
    last: int
    """The index of the last entry; that of the snapshot if there is none."""
    entries: list[Entry]
    """Those above the snapshot, without gaps."""
    end: int
    """Where the last segment's last record ends."""
    crc: int
    """The check sum up to there."""


def segments_in(folder: Path) -> list[Segment]:
    """Return the segments of a log, oldest first: those behind the last gap, if there is one.

    Where the power went while old ones were removed, some of these may be left.
    """
    found: list[Segment] = []
    for path in sorted(folder.iterdir()):
        name = _NAME.fullmatch(path.name)
        if name is None:
            continue
        segment = Segment(int(name[1], 16), int(name[2], 16), path)
        if found and segment.number != found[-1].number + 1:
            found.clear()
        found.append(segment)
    return found


def read_log(segments: Sequence[Segment], after: int, term: int) -> LogContent:
    """Read the entries above index ``after``, which has the term ``term``.

    What is torn at the end of the last segment counts as never written. Raises StoreOpenError.
    """
    start = max((at for at, each in enumerate(segments) if each.first <= after), default=None)
    if start is None:
        raise StoreOpenError(f"{segments[0].path.parent}: the log begins above index {after}")
    reader = _Reader(after, term)
    crc: int | None = None
    end = 0
    for place in range(start, len(segments)):
        end = 0
        try:
            content = segments[place].path.read_bytes()
            for record in read_records(content, crc):
                reader.take(record)
                end, crc = record.end, record.crc
        except TornError as error:
            if place < len(segments) - 1:
                raise StoreOpenError(f"{segments[place].path}: {error}") from None
        except (DamagedError, DecodeError) as error:
            raise StoreOpenError(f"{segments[place].path}: {error}") from None
        except OSError as error:
            raise StoreOpenError(f"{segments[place].path}: {error.strerror}") from error
    if not end:
        raise StoreOpenError(f"{segments[-1].path}: the segment is empty")
    return reader.content(segments[-1].path, end, crc or 0)


class _Reader:
    """Takes the records of a log in order."""

    def __init__(self, after: int, term: int) -> None:
        self._after = after
        self._entries: list[Entry] = []
        self._metadata: bytes | None = None
        self._state = (term, 0)

    def take(self, record: Found) -> None:
        if record.kind == Kind.ENTRY:
            self._entry(record.payload)
        elif record.kind == Kind.STATE:
            state = pb.HardState.FromString(record.payload)
            self._state = (state.term, state.vote)
        elif record.kind == Kind.METADATA:
            if self._metadata not in (None, record.payload):
                raise StoreOpenError("the log's segments are those of several members")
            self._metadata = record.payload
        elif record.kind not in (Kind.CRC, Kind.SNAPSHOT):
            raise StoreOpenError(f"the log holds a record of an unknown kind, {record.kind}")

    def content(self, path: Path, end: int, crc: int) -> LogContent:
        if self._metadata is None:
            raise StoreOpenError(f"{path}: the log does not say whose it is")
        last = self._after + len(self._entries)
        return LogContent(self._metadata, *self._state, last, self._entries, end, crc)

    def _entry(self, payload: bytes) -> None:
        found = pb.Entry.FromString(payload)
        place = found.Index - self._after - 1
        if place < 0:  # the snapshot has it
            return
        if place > len(self._entries):
            raise StoreOpenError(
                f"the log's entry {self._after + len(self._entries) + 1} is missing"
            )
        # An entry takes the place of one that was written before it and came to nothing.
        del self._entries[place:]
        self._entries.append(Entry(found.Type, found.Term, found.Index, found.Data))
