"""The watch stream in JSON: one event a line, ``{"type":"ADDED","object":{...}}``."""

from __future__ import annotations

from typing import Final

import msgspec

from serialization.codecs.interface import Frame
from serialization.errors import DecodeError

FRAME_BYTES_MAX: Final = 64 * 1024 * 1024


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


_event: Final = msgspec.json.Decoder(_Event)


class LineReader:
    """Cuts a stream of lines into events; what is incomplete waits for the next bytes.

    Pieces without a line end are only kept, never searched again, so a frame of many pieces costs
    no more than its length.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._kept = 0

    def feed(self, data: bytes) -> list[Frame]:
        end = data.rfind(b"\n")
        if end < 0:
            self._keep(data)
            return []
        whole = data[:end]
        if self._pieces:
            whole = b"".join((*self._pieces, whole))
            self._pieces.clear()
            self._kept = 0
        frames = [_frame(line) for line in whole.split(b"\n") if line and not line.isspace()]
        self._keep(data[end + 1 :])
        return frames

    def _keep(self, data: bytes) -> None:
        if data:
            self._pieces.append(data)
            self._kept += len(data)
            if self._kept > FRAME_BYTES_MAX:
                raise DecodeError(f"a watch event above {FRAME_BYTES_MAX} bytes")


def _frame(line: bytes) -> Frame:
    if len(line) > FRAME_BYTES_MAX:
        raise DecodeError(f"a watch event above {FRAME_BYTES_MAX} bytes")
    try:
        event = _event.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise DecodeError(f"no watch event: {error}") from None
    return Frame(event.type, bytes(event.object))


def frame(event_type: str, document: bytes) -> bytes:
    """Make one line of a watch stream."""
    return b'{"type":"%b","object":%b}\n' % (event_type.encode(), document)
