"""A body in chunks, decoded as Go decodes one, piece by piece as it comes."""

from __future__ import annotations

import re
from typing import Final

from storage.serve.etcd2.forms import quoted

LINE_BYTES_MAX: Final = 4096
"""Of a chunk's first line, and of what follows the last chunk: Go's bound."""
FRAMING_MAX: Final = 7
"""Bytes around each of a body's first megabyte: chunks of a byte each have five."""
FRAMED_BYTES_MAX: Final = 1 << 20
FRAMING_BYTES_MAX: Final = 1 << 20
"""That a body may have around itself beside."""
_HEX: Final = re.compile(rb"[0-9a-fA-F]*")


class BodyError(Exception):
    """A body that cannot be read to its end; the message is Go's."""


class Chunks:
    """Takes chunks; ``body`` is what was in them."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.ended = False
        """Whether the last has come, and what follows it."""
        self._left = 0
        """Bytes that the chunk still has."""
        self._within = False
        """Whether a chunk has begun of which the end has not come."""
        self._last = False
        self._framing = 0

    def take(self, data: bytes, at: int) -> int:
        """Take what there is from a place on; return where it ends. Raises BodyError."""
        while not self.ended:
            if self._last:
                after = self._trailer(data, at)
            elif self._left:
                piece = data[at : at + self._left]
                self.body += piece
                self._left -= len(piece)
                after = at + len(piece)
            else:
                after = self._end(data, at) if self._within else self._begin(data, at)
            if after == at:
                break
            at = after
        return at

    def _begin(self, data: bytes, at: int) -> int:
        """Read a chunk's first line."""
        newline = data.find(b"\n", at, at + LINE_BYTES_MAX)
        if newline < 0:
            if len(data) - at >= LINE_BYTES_MAX:
                raise BodyError("header line too long")
            return at
        size = data[at:newline].rstrip(b" \t\r\n").partition(b";")[0]
        if _HEX.fullmatch(size) is None:
            raise BodyError("invalid byte in chunk length")
        if len(size) > 16:
            raise BodyError("http chunk length too large")
        self._left = int(size or b"0", 16)
        self._last = not self._left
        self._within = True
        self._framing += newline + 3 - at
        around = FRAMING_BYTES_MAX + FRAMING_MAX * min(len(self.body), FRAMED_BYTES_MAX)
        if self._framing > around:
            raise BodyError("chunked encoding contains too much non-data")
        return newline + 1

    def _end(self, data: bytes, at: int) -> int:
        """Read what is behind a chunk."""
        end = data[at : at + 2]
        if len(end) < 2:
            return at
        if end != b"\r\n":
            raise BodyError("malformed chunked encoding")
        self._within = False
        return at + 2

    def _trailer(self, data: bytes, at: int) -> int:
        """Read what is behind the last; headers there are not kept."""
        start = data[at : at + 2]
        if len(start) < 2:
            return at
        if start == b"\r\n":
            self.ended = True
            return at + 2
        end = data.find(b"\r\n\r\n", at, at + LINE_BYTES_MAX)
        if end >= 0:
            for line in data[at:end].split(b"\r\n"):
                if b":" not in line:
                    raise BodyError(f"malformed MIME header: missing colon: {quoted(line)}")
            self.ended = True
            return end + 4
        if len(data) - at >= LINE_BYTES_MAX:
            raise BodyError("http: suspiciously long trailer after chunked body")
        return at
