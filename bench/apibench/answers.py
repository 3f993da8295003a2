"""Reading HTTP/1.1 answers: as little as a load generator needs, bytes in, nothing out but facts.

httptools calls back for every header; a generator that shares two cores with the server it
measures wants the code, the length, and the end of the answer. An answer that comes in one piece
costs about a microsecond here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

HEAD_BYTES_MAX: Final = 64 * 1024
CHUNK_HEAD_BYTES_MAX: Final = 1024
LINE_END: Final = 2


class AnswerFaultError(Exception):
    """The server's bytes are no HTTP answer, or more than was asked for."""


class AnswerReader:
    """Reads one answer after the other; ``feed`` says when one is whole.

    After that ``code``, ``body_bytes`` and ``closing`` speak of it until the next ``feed``.
    ``on_body`` is given every piece of the body, framing taken off.
    """

    __slots__ = (
        "_feed_state", "_held", "_left", "_on_body", "_trailing", "_until_end",
        "body_bytes", "closing", "code",
    )  # fmt: skip

    def __init__(self, on_body: Callable[[bytes], None] | None = None) -> None:
        self._on_body = on_body
        self._feed_state = self._head
        self._held = b""
        """Bytes of a head, or of a chunk's, that is not whole yet."""
        self._left = 0
        """Of the body still to come; of a chunk, with the line end behind it."""
        self._trailing = False
        self._until_end = False
        self.code = 0
        self.body_bytes = 0
        self.closing = False
        """The server will close the connection after this answer."""

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; return whether the answer is whole. Raises AnswerFaultError."""
        return self._feed_state(data)

    def ended(self) -> bool:
        """Take the end of the connection; return whether it makes the answer whole."""
        return self._until_end

    def _head(self, data: bytes) -> bool:
        if self._held:
            data, self._held = self._held + data, b""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return self._hold(data, HEAD_BYTES_MAX)
        head = data[: end + LINE_END].lower()
        if not head.startswith(b"http/1.") or not head[9:12].isdigit():
            raise AnswerFaultError(f"no HTTP answer: {data[:60]!r}")
        self.code = int(head[9:12])
        self.body_bytes = 0
        self.closing = b"\r\nconnection: close\r\n" in head
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            return self._unsized(head, data[end + 4 :])
        length = _number(head[at + 17 : head.index(b"\r\n", at + 17)], 10)
        if length == len(data) - end - 4:  # whole in one piece: nearly always
            self.body_bytes = length
            if self._on_body is not None and length:
                self._on_body(data[end + 4 :])
            return True
        self._left, self._feed_state = length, self._sized
        return self._sized(data[end + 4 :])

    def _unsized(self, head: bytes, rest: bytes) -> bool:
        if b"\r\ntransfer-encoding: chunked\r\n" in head:
            self._feed_state = self._chunked
        elif self.code < 200:  # 100 Continue and its like: the answer itself follows
            self._feed_state = self._head
            return bool(rest) and self._head(rest)
        elif self.code in (204, 304):
            return self._done(rest)
        else:
            self._until_end = self.closing = True
            self._feed_state = self._unbounded
        return self._feed_state(rest)

    def _sized(self, data: bytes) -> bool:
        if len(data) < self._left:
            self._take(data)
            self._left -= len(data)
            return False
        here = self._left
        self._take(data[:here])
        return self._done(data[here:])

    def _unbounded(self, data: bytes) -> bool:
        self._take(data)
        return False

    def _chunked(self, data: bytes) -> bool:
        if self._held:
            data, self._held = self._held + data, b""
        at, size = 0, len(data)
        while at < size:
            if self._left:
                at = self._chunk(data, at, size)
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                return self._hold(data[at:], CHUNK_HEAD_BYTES_MAX)
            line, at = data[at:end], end + LINE_END
            if not self._trailing:
                self._open_chunk(line)
            elif not line:
                return self._done(data[at:])
        return False

    def _chunk(self, data: bytes, at: int, size: int) -> int:
        """Take what is here of the chunk under way; return where it ends."""
        upto = min(at + self._left, size)
        body = min(upto, at + self._left - LINE_END)
        if body > at:
            self._take(data[at:body])
        self._left -= upto - at
        return upto

    def _open_chunk(self, line: bytes) -> None:
        length = _number(line.partition(b";")[0], 16)
        self._left = length + LINE_END if length else 0
        self._trailing = not length

    def _take(self, piece: bytes) -> None:
        self.body_bytes += len(piece)
        if self._on_body is not None and piece:
            self._on_body(piece)

    def _hold(self, data: bytes, most: int) -> bool:
        if len(data) > most:
            raise AnswerFaultError("a head of the answer is too long")
        self._held = data
        return False

    def _done(self, rest: bytes) -> bool:
        self._feed_state, self._left, self._trailing = self._head, 0, False
        if rest:
            raise AnswerFaultError(f"bytes that no request asked for: {rest[:60]!r}")
        return True


def _number(text: bytes, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise AnswerFaultError(f"no length of an answer: {text[:60]!r}")
    return number
