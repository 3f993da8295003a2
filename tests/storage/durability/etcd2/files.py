"""Holds a recording's writes and syncs of the log's segments against what was acknowledged."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from serialization.api.etcd import log_pb2 as pb
from storage.etcd2.journal.entries import EntryKind, decode_request
from storage.etcd2.journal.records import Kind
from storage.etcd2.model import Method, Request
from tests.storage.durability.journal import ImpossibleError, Journal, Write
from tests.storage.durability.recording import Op, Recording

NEVER = 1 << 62
"""A place after every call."""


class Logged(NamedTuple):
    """A request that was written to the log."""

    request: Request
    durable: int
    """The place at which a sync of it had returned; else NEVER."""


def acknowledgements_are_covered(recording: Recording, journal: Journal) -> int:
    """Check each acknowledgement of a write; return how many there are.

    Its request was written to a segment, in the order of the indexes, and a sync of that segment
    that began after the write had returned before the acknowledgement began.
    Raises ImpossibleError.
    """
    told = {int(line.split()[3]): at for at, line in recording.lines if line[:1] == b"!"}
    logged = _logged(recording)
    newest: dict[bytes, int] = {}
    for index, write in sorted(journal.history.items()):
        durable = _durable(logged, write, newest.get(write.key, 0))
        if durable is None:
            raise ImpossibleError(f"index {index} was never written")
        if durable >= told[index]:
            raise ImpossibleError(f"index {index} was told before its sync returned")
        newest[write.key] = index
    return len(told)


def openings_are_synced(recording: Recording) -> int:
    """Check that each opening syncs what it found before it shows it; return how many did.

    The first opening finds nothing. Raises ImpossibleError.
    """
    segments = recording.files_in("member/wal", ".wal")
    writes = [op for op in recording.ops if op.kind == "write" and op.file in segments]
    opened = [at for at, line in recording.lines if line[:1] == b"o"]
    for place in opened[1:]:
        found = max((op for op in writes if op.leave < place), key=lambda op: op.leave)
        after = [op for op in recording.ops if found.leave < op.enter < op.leave < place]
        if not any(op.kind == "sync" and op.file == found.file for op in after):
            raise ImpossibleError("an opening showed what it had not synced")
        synced = {op.path[len(recording.root) :] for op in after if op.kind == "syncdir"}
        if not {"", "/member", "/member/wal", "/member/snap"} <= synced:
            raise ImpossibleError("an opening had not synced its directories' entries")
    return len(opened) - 1


def _logged(recording: Recording) -> Iterator[Logged]:
    segments = recording.files_in("member/wal", ".wal")
    syncs = [op for op in recording.ops if op.kind == "sync"]
    for op in recording.ops:
        if op.kind == "write" and op.file in segments:
            covers = [s.leave for s in syncs if s.file == op.file and s.enter > op.leave]
            durable = min(covers, default=NEVER)
            yield from (Logged(request, durable) for request in _requests(op))


def _requests(op: Op) -> Iterator[Request]:
    """Yield the requests among the records of one write."""
    at = 0
    while at + 8 <= len(op.payload):
        (word,) = struct.unpack_from("<Q", op.payload, at)
        length = word & (1 << 56) - 1
        record = pb.Record.FromString(op.payload[at + 8 : at + 8 + length])
        at += 8 + (length + 7) // 8 * 8
        if record.type != Kind.ENTRY:
            continue
        entry = pb.Entry.FromString(record.data)
        if entry.Type == EntryKind.NORMAL and entry.Data:
            request = decode_request(entry.Data)
            if request is not None:
                yield request


def _durable(logged: Iterator[Logged], write: Write, before: int) -> int | None:
    """Return where the next request that is this write was durable; None: there is none."""
    path = write.key.decode()
    for request, durable in logged:
        if request.path != path:
            continue
        if write.value is None:
            if request.method is Method.DELETE and request.prev_index == before:
                return durable
        elif request.value == write.value.decode():
            return durable
    return None
