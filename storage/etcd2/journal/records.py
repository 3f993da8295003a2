"""The records of a segment of etcd's write-ahead log: framing and check sums. Pure.

A record is a length of eight bytes, little endian, then a protobuf message, then zeros up to a
multiple of eight; if there are any, the length's highest byte is 0x80 and their number. The check
sum (CRC-32, Castagnoli) of a record goes over its data and, before it, those of all records so far;
a segment begins with a record that says where the last one had come to. Behind the last record
stand zeros. Source: etcd's walpb and its encoder, and files of a real one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Final, NamedTuple

import google_crc32c
from google.protobuf.message import DecodeError

from serialization.api.etcd.log_pb2 import Record

SECTOR_BYTES: Final = 512
"""What a disk writes whole or not at all."""

_LENGTH: Final = struct.Struct("<Q")
_LENGTH_MASK: Final = (1 << 56) - 1
_PADDED: Final = 1 << 63
_PADS: Final = tuple((bytes(count), count << 56 | _PADDED if count else 0) for count in range(8))

LENGTH_BYTES: Final = _LENGTH.size


class Kind(IntEnum):
    """What a record is."""

    METADATA = 1
    ENTRY = 2
    STATE = 3
    CRC = 4
    SNAPSHOT = 5


class Found(NamedTuple):
    """A record that was read."""

    kind: int
    payload: bytes
    end: int
    """Where the next one begins."""
    crc: int
    """The check sum up to here."""


class TornError(Exception):
    """A record did not reach the disk whole; all before ``at`` did."""

    def __init__(self, at: int) -> None:
        super().__init__(f"a record is torn at byte {at}")
        self.at = at


class DamagedError(Exception):
    """A record is not what was written."""

    def __init__(self, at: int) -> None:
        super().__init__(f"the record at byte {at} is damaged")


def checksum(payload: bytes, before: int = 0) -> int:
    """Return the check sum of ``payload``, behind what has the check sum ``before``."""
    crc: int = google_crc32c.extend(before, payload)
    return crc


def framed(records: Iterable[tuple[Kind, bytes]], crc: int) -> tuple[bytes, int]:
    """Return records as they stand in a segment, and the check sum after them."""
    pieces: list[bytes] = []
    extend, pack, message = google_crc32c.extend, _LENGTH.pack, Record
    for kind, payload in records:
        crc = extend(crc, payload)
        encoded = message(type=kind, crc=crc, data=payload).SerializeToString()
        pad, mark = _PADS[-len(encoded) % 8]
        pieces += (pack(len(encoded) | mark), encoded, pad)
    return b"".join(pieces), crc


def head(crc: int) -> bytes:
    """Return the record that a segment begins with."""
    encoded = Record(type=Kind.CRC, crc=crc).SerializeToString()
    pad, mark = _PADS[-len(encoded) % 8]
    return _LENGTH.pack(len(encoded) | mark) + encoded + pad


def read_records(segment: bytes, crc: int | None) -> Iterator[Found]:
    """Yield a segment's records up to the zeros behind them.

    ``crc`` is the check sum that the segments before came to, None: there were none. Raises
    TornError, DamagedError.
    """
    at, size = 0, len(segment)
    unpack = _LENGTH.unpack_from
    while at + LENGTH_BYTES <= size:
        (word,) = unpack(segment, at)
        if not word:
            return
        pad = word >> 56 & 7 if word & _PADDED else 0
        start = at + LENGTH_BYTES
        stop = start + (word & _LENGTH_MASK)
        if stop + pad > size:
            raise TornError(at)
        body = segment[start:stop]
        try:
            record = Record.FromString(body)
        except DecodeError:
            raise _broken(at, start, body) from None
        kind, payload = record.type, record.data
        if kind == Kind.CRC:
            if crc is not None and crc != record.crc:
                raise _broken(at, start, body)
            crc = record.crc
        else:
            crc = google_crc32c.extend(crc or 0, payload)
            if crc != record.crc:
                raise _broken(at, start, body)
        at = stop + pad
        yield Found(kind, payload, at, crc)
    if any(segment[at:]):
        raise TornError(at)


def _broken(at: int, start: int, body: bytes) -> Exception:
    """Say why a record cannot be read: a sector of it that is all zeros was never written."""
    place = 0
    while place < len(body):
        stop = place + SECTOR_BYTES - (start + place) % SECTOR_BYTES
        if not any(body[place:stop]):
            return TornError(at)
        place = stop
    return DamagedError(at)
