"""gRPC on HTTP/2, as bytes: the prefix of a message, headers, trailers, a whole answer. Pure."""

from __future__ import annotations

from struct import Struct
from typing import Final

from grpc import StatusCode

from storage.http2 import frames
from storage.http2.hpack import literal

PREFIX: Final = Struct(">BI")
"""Of a message: whether it is compressed, and its length."""
PREFIX_BYTES: Final = 5
STATUS_OK: Final = b"\x88" + literal(b"content-type", b"application/grpc")
"""``:status 200`` is the eighth field that HPACK knows by itself."""
DONE: Final = literal(b"grpc-status", b"0")
LAST: Final = frames.END_HEADERS | frames.END_STREAM
_ANSWER: Final = Struct(f">IBI{len(STATUS_OK)}sIBIBI")
_TRAILERS: Final = Struct(f">IBI{len(DONE)}s")
_HEADER_WORD: Final = len(STATUS_OK) << 8 | frames.HEADERS
_TRAILERS_WORD: Final = len(DONE) << 8 | frames.HEADERS
_PLAIN: Final = frozenset(range(0x20, 0x7F)) - {ord("%")}


def framed(body: bytes) -> bytes:
    """Return a message with its prefix."""
    return PREFIX.pack(0, len(body)) + body


def header(stream_id: int) -> bytes:
    """Return the frame that goes before answers."""
    return frames.frame(frames.HEADERS, frames.END_HEADERS, stream_id, STATUS_OK)


def whole_answer(stream_id: int, body: bytes) -> bytes:
    """Return header, message and trailers of a call with one answer that fits into a frame."""
    size = len(body)
    head = _ANSWER.pack(
        _HEADER_WORD,
        frames.END_HEADERS,
        stream_id,
        STATUS_OK,
        (size + PREFIX_BYTES) << 8 | frames.DATA,
        0,
        stream_id,
        0,
        size,
    )
    return head + body + _TRAILERS.pack(_TRAILERS_WORD, LAST, stream_id, DONE)


def trailers(stream_id: int, code: StatusCode, details: str, *, headed: bool) -> bytes:
    """Return the frame that ends a call, with the header in it where there was none before."""
    number: int = code.value[0]
    block = b"" if headed else STATUS_OK
    block += literal(b"grpc-status", b"%d" % number)
    if details:
        block += literal(b"grpc-message", _escaped(details))
    return frames.frame(frames.HEADERS, LAST, stream_id, block)


def _escaped(text: str) -> bytes:
    """Return a message as it may stand in a header."""
    return b"".join(
        bytes((byte,)) if byte in _PLAIN else b"%%%02X" % byte for byte in text.encode()
    )
