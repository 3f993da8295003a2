"""What a client sends, cut into requests: no socket, bytes in, requests out.

A request is read only when it is asked for, so what a client sends ahead stays bytes. Clients send
the same headers again and again: what they say is kept beside their bytes, and not read twice.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from storage.serve.etcd2.chunks import BodyError, Chunks
from storage.serve.etcd2.forms import FORM_BYTES_MAX
from storage.serve.etcd2.heads import failure
from storage.serve.etcd2.messages import Heard
from storage.serve.etcd2.request_heads import (
    CHUNKED,
    Fields,
    HeadError,
    Line,
    is_first_line,
    read_fields,
    read_line,
)

HEAD_BYTES_MAX: Final = (1 << 20) + 4096
"""Of a request's head: Go's bound, and what it reads beyond it."""
UNREAD_BYTES_MAX: Final = 256 << 10
"""Of a body that nobody wants Go reads so much; a longer one ends the connection."""
USUAL: Final = ("GET", "PUT", "POST", "DELETE")
KNOWN_MAX: Final = 16
KNOWN_BYTES_MAX: Final = 1024
"""Of how many heads, and up to which size each, is kept what they said: 16 KB a connection."""
TOO_LARGE: Final = "http: POST too large"
CUT_SHORT: Final = "unexpected EOF"
_HEAD_END: Final = re.compile(rb"\n\r?\n")


class Head(NamedTuple):
    """A request of which the body is still to come."""

    line: Line
    fields: Fields


class Parser:
    """Cuts what is fed to it into requests."""

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0
        """Where in them the rest begins."""
        self._sought = 0
        """Up to where a head's end was sought."""
        self._fresh = True
        """Whether no line was read yet."""
        self._ended = False
        self._head: Head | None = None
        self._pieces: list[bytes] = []
        self._kept = 0
        self._chunks = Chunks()
        self._known: dict[bytes, Fields] = {}
        """What headers said that came before, of the usual kind, by their bytes."""

    @property
    def waiting(self) -> int:
        """How many bytes were fed and are not part of a request yet."""
        return len(self._bytes) - self._at

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        if self._at == len(self._bytes):
            self._bytes, self._at, self._sought = data, 0, 0
        else:
            self._bytes = self._bytes[self._at :] + data
            self._sought = max(0, self._sought - self._at)
            self._at = 0

    def end(self) -> None:
        """Note that nothing more will come."""
        self._ended = True

    def next(self) -> Heard | Head | None:
        """Return the next request; None: it is not whole yet. Raises HeadError.

        A head is returned where it is to be decided what becomes of its body: ask again to read it,
        or ask for the request ``unread``.
        """
        head = self._head
        if head is None:
            head = self._read_head()
            if head is None:
                return None
            line, fields = head
            if not fields.length and not fields.unmet:
                return Heard(
                    line.method, line.target, fields.named, b"", "", not fields.closes, line.new
                )
            self._head = head
            if fields.expects or fields.unmet or fields.length > UNREAD_BYTES_MAX:
                return head
        return self._chunked(head) if head.fields.length == CHUNKED else self._whole(head)

    def unread(self) -> Heard:
        """Return the request whose head was returned, without its body, the last one."""
        assert self._head is not None
        return self._heard(self._head, b"", unread=True)

    def _read_head(self) -> Head | None:
        data, at = self._bytes, self._at
        found = _HEAD_END.search(data, max(at, self._sought))
        if self._fresh or found is None:
            self._check_begin(at, whole=found is not None)
        if found is None:
            self._sought = max(at, len(data) - 2)
            return None
        newline = data.find(b"\n", at)
        end = found.end()
        self._at = end
        line = read_line(
            data[at : newline - 1 if data[newline - 1 : newline] == b"\r" else newline]
        )
        raw = data[newline + 1 : found.start() + 1]
        fields = self._known.get(raw)
        if fields is None or not line.new:
            fields = read_fields(raw, new=line.new, connects=line.method == "CONNECT")
            if line.new and line.method in USUAL and len(raw) < KNOWN_BYTES_MAX:
                if len(self._known) >= KNOWN_MAX:
                    self._known.clear()
                self._known[raw] = fields
        return Head(line, fields)

    def _check_begin(self, at: int, *, whole: bool) -> None:
        """Refuse what cannot become a head: nobody should wait for its end. Raises HeadError."""
        data = self._bytes
        newline = data.find(b"\n", at)
        if newline < 0 and self._ended:  # then a line ends too
            newline = len(data)
        if newline >= 0 and at < len(data):
            line = data[at:newline].removesuffix(b"\r")
            if self._fresh and not is_first_line(line):
                raise HeadError(b"")
            self._fresh = False
            if not whole:
                read_line(line)
                if self._ended:
                    raise HeadError(failure(400))
        if not whole and len(data) - at > HEAD_BYTES_MAX:
            raise HeadError(failure(431))

    def _whole(self, head: Head) -> Heard | None:
        """Read a body whose length was told."""
        length = head.fields.length
        end = self._at + length - self._kept
        piece = self._bytes[self._at : end]
        self._at += len(piece)
        if not self._kept and len(piece) == length:
            return self._heard(head, piece)
        self._pieces.append(piece)
        self._kept += len(piece)
        if self._kept == length:
            return self._heard(head, b"".join(self._pieces))
        if self._kept > FORM_BYTES_MAX:
            return self._heard(head, b"", TOO_LARGE, unread=True)
        return self._heard(head, b"", CUT_SHORT) if self._ended else None

    def _chunked(self, head: Head) -> Heard | None:
        chunks = self._chunks
        try:
            self._at = chunks.take(self._bytes, self._at)
        except BodyError as error:
            return self._heard(head, b"", str(error), unread=True)
        if len(chunks.body) > FORM_BYTES_MAX:
            return self._heard(head, b"", TOO_LARGE, unread=True)
        if chunks.ended:
            return self._heard(head, bytes(chunks.body))
        return self._heard(head, b"", CUT_SHORT, unread=True) if self._ended else None

    def _heard(self, head: Head, body: bytes, fault: str = "", *, unread: bool = False) -> Heard:
        """Return a whole request, and be ready for the next."""
        if self._kept:
            self._pieces, self._kept = [], 0
        line, fields = head
        if fields.length == CHUNKED:
            self._chunks = Chunks()
        self._head = None
        keep = not (fields.closes or unread)
        return Heard(line.method, line.target, fields.named, body, fault, keep, line.new, unread)
