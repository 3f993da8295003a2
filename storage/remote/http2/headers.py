"""The headers of calls and of answers, as HPACK writes and reads them. Pure.

How it works. A connection's encoder puts every field that it will say again (the path, where the
server is, a token) into the table that the peer keeps, and from then on names its place: a call's
block is some ten bytes. Places move when a field is added; so a block that added none is remembered
until one is added, which in practice is after the first call of each method.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from storage.http2.hpack import FIELD_OVERHEAD, STATIC, TABLE_BYTES, Field, literal

Metadata = tuple[tuple[str, str], ...]

TENTHS: Final = 10
"""Timeouts are told in tenths of a second, rounded up: so the same block serves many calls."""
REMEMBERED_MAX: Final = 64
_POST: Final = b"\x83"
_HTTP: Final = b"\x86"
_HTTPS: Final = b"\x87"
_ALWAYS: Final = (
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
    (b"user-agent", b"kubedyno"),
)


class Head(NamedTuple):
    """What an answer's header or trailers say; -1 where they say nothing of it."""

    http_status: int
    status: int
    message: str


class Encoder:
    """Writes the header blocks of one connection, to be sent in the order of their making."""

    def __init__(self, authority: str, *, secure: bool) -> None:
        self._scheme = _HTTPS if secure else _HTTP
        self._authority = (b":authority", authority.encode())
        self._places: dict[Field, int] = {}
        """By when they were added, from 0 on."""
        self._room = TABLE_BYTES
        self._before = b""
        self._known: dict[tuple[str, Metadata, int], bytes] = {}

    def stop_indexing(self) -> None:
        """The peer wants to keep less than we count on: refer to nothing any more."""
        self._places.clear()
        self._known.clear()
        self._room = 0
        self._before = b"\x20"  # a table of no bytes

    def block(self, path: str, metadata: Metadata, timeout_s: float | None) -> bytes:
        """Return the block of a call; with the time that it may take, if there is a limit."""
        tenths = 0 if timeout_s is None else max(1, -int(-timeout_s * TENTHS // 1))
        key = path, metadata, tenths
        known = self._known.get(key)
        if known is not None:
            return known
        places = len(self._places)
        block = self._before + self._made(path, metadata, tenths)
        if self._before or places != len(self._places):
            self._known.clear()
        else:
            if len(self._known) >= REMEMBERED_MAX:
                self._known.clear()
            self._known[key] = block
        self._before = b""
        return block

    def _made(self, path: str, metadata: Metadata, tenths: int) -> bytes:
        parts = [_POST, self._scheme, self._field((b":path", path.encode()))]
        parts.append(self._field(self._authority))
        if tenths:
            parts.append(literal(b"grpc-timeout", b"%dm" % (tenths * (1000 // TENTHS))))
        parts.extend(map(self._field, _ALWAYS))
        for name, value in metadata:
            parts.append(self._field((name.encode(), value.encode())))
        return b"".join(parts)

    def _field(self, field: Field) -> bytes:
        place = self._places.get(field)
        if place is not None:
            return _number(0x80, 0x7F, len(STATIC) + len(self._places) - 1 - place)
        size = len(field[0]) + len(field[1]) + FIELD_OVERHEAD
        if size > self._room:  # nothing that is referred to may fall out of the table
            return literal(*field)
        self._room -= size
        self._places[field] = len(self._places)
        text = literal(*field)
        return b"\x40" + text[1:]


def _number(first: int, mask: int, number: int) -> bytes:
    assert number >= 0
    if number < mask:
        return bytes((first | number,))
    out, number = bytearray((first | mask,)), number - mask
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def head_of(fields: list[Field]) -> Head:
    """Return what the fields of an answer say. Raises ValueError."""
    http_status = status = -1
    message = b""
    for name, value in fields:
        if name == b":status":
            http_status = int(value)
        elif name == b"grpc-status":
            status = int(value)
        elif name == b"grpc-message":
            message = value
    if not message:
        return Head(http_status, status, "")
    return Head(http_status, status, unquote_to_bytes(message).decode("utf-8", "replace"))
