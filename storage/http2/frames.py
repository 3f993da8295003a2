"""The frames of HTTP/2 (RFC 9113) as far as gRPC meets them. Pure."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD: Final = Struct(">IBI")
"""Length of the payload, 24 bits, and kind, 8; flags; number of the stream."""
HEAD_BYTES: Final = 9
STREAM_MASK: Final = 0x7FFFFFFF
FRAME_BYTES: Final = 16384
"""What a frame may hold where nobody announced more; we never send more."""
WINDOW_BYTES: Final = 65535
"""What a window is at the beginning."""
WINDOW_MAX: Final = 0x7FFFFFFF

# Kinds
DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

# Flags
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
WITH_PRIORITY: Final = 0x20

# Settings
HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

_SETTING: Final = Struct(">HI")
_NUMBER: Final = Struct(">I")


class Code(IntEnum):
    """Why a stream or a connection ends."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class ProtocolError(Exception):
    """The peer broke the protocol; the connection ends with ``code``."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """Return a frame."""
    return HEAD.pack(len(payload) << 8 | kind, flags, stream_id) + payload


def settings(values: dict[int, int]) -> bytes:
    """Return a frame of settings."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*item) for item in values.items()))


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """Return (setting, value) in their order. Raises ProtocolError."""
    if len(payload) % _SETTING.size:
        raise ProtocolError(Code.FRAME_SIZE_ERROR, "settings are cut short")
    return list(_SETTING.iter_unpack(payload))


def window_update(stream_id: int, size: int) -> bytes:
    """Return the frame that allows the peer to send ``size`` bytes more."""
    return frame(WINDOW_UPDATE, 0, stream_id, _NUMBER.pack(size))


def reset(stream_id: int, code: Code) -> bytes:
    """Return the frame that ends a stream."""
    return frame(RST_STREAM, 0, stream_id, _NUMBER.pack(code))


def goaway(last_stream: int, code: Code, reason: str = "") -> bytes:
    """Return the frame that tells which streams were looked at, and that there will be no more."""
    return frame(GOAWAY, 0, 0, _NUMBER.pack(last_stream) + _NUMBER.pack(code) + reason.encode())


def number_of(payload: bytes) -> int:
    """Return the one number that a frame holds. Raises ProtocolError."""
    if len(payload) != _NUMBER.size:
        raise ProtocolError(Code.FRAME_SIZE_ERROR, "a frame of another length than its kind's")
    number: int = _NUMBER.unpack(payload)[0]
    return number


def unpadded(flags: int, payload: bytes) -> bytes:
    """Return what a DATA or HEADERS frame holds beside padding and priority."""
    start, end = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise ProtocolError(Code.FRAME_SIZE_ERROR, "a padded frame without its padding")
        start, end = 1, end - payload[0]
    if flags & WITH_PRIORITY:
        start += 5
    if start > end:
        raise ProtocolError(Code.PROTOCOL_ERROR, "more padding than frame")
    return payload[start:end]
