"""HPACK: header blocks are read, and fields written that refer to nothing (RFC 7541). Pure.

How it works. A connection has one decoder, whose table of recent fields follows what the peer
does with its own. Who says the same again sends the same few bytes, all of them references into
that table: so a block that left the table as it was is remembered, with what was
made of it, until the table changes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from storage.http2 import huffman

Field = tuple[bytes, bytes]
T = TypeVar("T")

TABLE_BYTES: Final = 4096
"""What a peer may use of our memory for its table, as long as we announce nothing else."""
FIELD_OVERHEAD: Final = 32
REMEMBERED_MAX: Final = 256
INTEGER_BYTES_MAX: Final = 5

# fmt: off
STATIC: Final[tuple[Field, ...]] = (
    (b"", b""),  # counted from 1
    (b":authority", b""), (b":method", b"GET"), (b":method", b"POST"), (b":path", b"/"),
    (b":path", b"/index.html"), (b":scheme", b"http"), (b":scheme", b"https"),
    (b":status", b"200"), (b":status", b"204"), (b":status", b"206"), (b":status", b"304"),
    (b":status", b"400"), (b":status", b"404"), (b":status", b"500"),
    (b"accept-charset", b""), (b"accept-encoding", b"gzip, deflate"),
    *((name, b"") for name in (
        b"accept-language", b"accept-ranges", b"accept", b"access-control-allow-origin", b"age",
        b"allow", b"authorization", b"cache-control", b"content-disposition", b"content-encoding",
        b"content-language", b"content-length", b"content-location", b"content-range",
        b"content-type", b"cookie", b"date", b"etag", b"expect", b"expires", b"from", b"host",
        b"if-match", b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since",
        b"last-modified", b"link", b"location", b"max-forwards", b"proxy-authenticate",
        b"proxy-authorization", b"range", b"referer", b"refresh", b"retry-after", b"server",
        b"set-cookie", b"strict-transport-security", b"transfer-encoding", b"user-agent", b"vary",
        b"via", b"www-authenticate",
    )),
)
# fmt: on


class HpackError(Exception):
    """A header block that cannot be read: the connection is of no use any more."""


class Decoder(Generic[T]):
    """Reads the header blocks of one connection, in their order; ``make`` is told their fields."""

    def __init__(self, make: Callable[[list[Field]], T]) -> None:
        self._make = make
        self._recent: deque[Field] = deque()
        """The table: the newest field stands last."""
        self._bytes = 0
        self._limit = TABLE_BYTES
        self._changes = 0
        self._known: dict[bytes, T] = {}

    def decode(self, block: bytes) -> T:
        """Return what is made of the fields of a block. Raises HpackError."""
        known = self._known.get(block)
        if known is not None:
            return known
        changes = self._changes
        try:
            made = self._make(self._fields(block))
        except (IndexError, ValueError) as error:
            raise HpackError(f"a header block cannot be read: {error}") from error
        if changes != self._changes:
            self._known.clear()
        elif len(self._known) < REMEMBERED_MAX:
            self._known[block] = made
        return made

    def _fields(self, block: bytes) -> list[Field]:
        fields: list[Field] = []
        at, end = 0, len(block)
        while at < end:
            first = block[at]
            if first & 0x80:
                index, at = _integer(block, at, 0x7F)
                fields.append(self._field(index))
            elif first & 0x40:
                field, at = self._literal(block, at, 0x3F)
                self._add(field)
                fields.append(field)
            elif first & 0x20:
                size, at = _integer(block, at, 0x1F)
                self._resize(size)
            else:
                field, at = self._literal(block, at, 0x0F)
                fields.append(field)
        return fields

    def _field(self, index: int) -> Field:
        if index < len(STATIC):
            if not index:
                raise ValueError("a field of index 0")
            return STATIC[index]
        place = index - len(STATIC) + 1
        if place > len(self._recent):
            raise ValueError(f"no field of index {index}")
        return self._recent[-place]

    def _literal(self, block: bytes, at: int, mask: int) -> tuple[Field, int]:
        index, at = _integer(block, at, mask)
        if index:
            name = self._field(index)[0]
        else:
            name, at = _string(block, at)
        value, at = _string(block, at)
        return (name, value), at

    def _add(self, field: Field) -> None:
        self._changes += 1
        self._recent.append(field)
        self._bytes += len(field[0]) + len(field[1]) + FIELD_OVERHEAD
        self._evict()

    def _resize(self, size: int) -> None:
        if size > TABLE_BYTES:
            raise ValueError("a table larger than was allowed")
        self._changes += 1
        self._limit = size
        self._evict()

    def _evict(self) -> None:
        while self._bytes > self._limit:
            name, value = self._recent.popleft()
            self._bytes -= len(name) + len(value) + FIELD_OVERHEAD


def literal(name: bytes, value: bytes) -> bytes:
    """Return a field as it stands in a block, referring to nothing."""
    return b"\0" + _length(name) + name + _length(value) + value


def _length(text: bytes) -> bytes:
    size = len(text)
    if size < 0x7F:
        return bytes((size,))
    out = bytearray((0x7F,))
    size -= 0x7F
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out)


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """Return the number whose first bits are those of the mask, and where it ends."""
    number = block[at] & mask
    at += 1
    if number < mask:
        return number, at
    for shift in range(0, 7 * INTEGER_BYTES_MAX, 7):
        byte = block[at]
        at += 1
        number += (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise ValueError("a number is too long")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    coded = block[at] & 0x80
    size, at = _integer(block, at, 0x7F)
    text = block[at : at + size]
    if len(text) != size:
        raise ValueError("a string is cut short")
    return huffman.decode(text) if coded else text, at + size
