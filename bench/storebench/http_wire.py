"""HTTP/1.1 by hand: connections that stay, a request at a time on each, answers cut as they come.

What makes it cheap: requests are bytes that were put together by whoever asks, an answer is looked
at for its code, its length and nothing else, and no task stands behind a connection. It knows what
an etcd answers: a length or chunks, never a body without either. RFC 9112 says how both look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple, cast

LINE: Final = b"\r\n"
HEAD_END: Final = b"\r\n\r\n"
CODE: Final = slice(9, 12)
"""Where the code stands: after ``HTTP/1.1`` and a space."""
LENGTH: Final = b"\r\ncontent-length:"
CHUNKED: Final = b"\r\ntransfer-encoding: chunked\r\n"
LAST: Final = b"\r\nconnection: close\r\n"
IN_CHUNKS: Final = -1
HEAD_BYTES_MAX: Final = 1 << 16
Piece = Callable[[bytes], None]


class WireError(Exception):
    """There was no answer, or one that is none; the message is one line."""


class Answer(NamedTuple):
    """What came back."""

    code: int
    head: bytes
    """In lower case, with its last line's end."""
    body: bytes
    """Empty where each piece of it was told."""


class Connection(asyncio.Protocol):
    """One connection; the next request may be sent when the last one has its whole answer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._headed: Piece | None = None
        self._told: Piece | None = None
        self._begin_answer()
        self.closed = False
        """It is of no more use: ended by either side, or about to be by the server."""

    def _begin_answer(self) -> None:
        self._rest = b""
        self._head = b""
        self._left = 0
        self._pieces: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, for uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"connection lost: {exc or 'closed by the server'}")

    def close(self) -> None:
        """End it; a request that is under way fails."""
        self._fail("closed")

    def ask(
        self, request: bytes, *, headed: Piece | None = None, told: Piece | None = None
    ) -> asyncio.Future[Answer]:
        """Send a request; its answer is the future's result (hot path).

        ``headed`` is called with its head as soon as that is there, ``told`` with each piece of a
        body in chunks, which is not kept then.
        """
        future: asyncio.Future[Answer] = self._loop.create_future()
        if self._transport is None or self._answer is not None:
            future.set_exception(WireError("not connected" if self.closed else "asked twice"))
            return future
        self._answer, self._headed, self._told = future, headed, told
        self._transport.write(request)
        return future

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self._fail("the server speaks unasked")
            return
        if self._rest:
            data = self._rest + data
        try:
            self._take(data)
        except ValueError:
            self._fail("this is not HTTP/1.1")

    def _take(self, data: bytes) -> None:
        """Take what came. Raises ValueError where it cannot be read."""
        if not self._head:
            end = data.find(HEAD_END)
            if end < 0:
                if len(data) > HEAD_BYTES_MAX:
                    raise ValueError
                self._rest = data
                return
            self._head = head = data[: end + 2].lower()
            self._left = length_of(head)
            if self._headed is not None:
                self._headed(head)
            data = data[end + 4 :]
        if self._left == IN_CHUNKS:
            self._take_chunks(data)
        elif len(data) < self._left:
            self._rest = data
        elif len(data) > self._left:
            raise ValueError
        else:
            self._done(data)

    def _take_chunks(self, data: bytes) -> None:
        pieces, at, ended = cut(data)
        if self._told is None:
            self._pieces += pieces
        else:
            for piece in pieces:
                self._told(piece)
        self._rest = data[at:]
        if ended:
            if self._rest:
                raise ValueError
            self._done(b"".join(self._pieces))

    def _done(self, body: bytes) -> None:
        head, answer = self._head, self._answer
        self._answer = self._told = self._headed = None
        self._begin_answer()
        if LAST in head:
            self.close()
        if answer is not None and not answer.done():
            answer.set_result(Answer(int(head[CODE]), head, body))

    def _fail(self, why: str) -> None:
        self.closed = True
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(WireError(why))


def length_of(head: bytes) -> int:
    """Return how long a body is, ``IN_CHUNKS`` where that is told later; 0: there is none.

    Raises ValueError.
    """
    at = head.find(LENGTH)
    if at >= 0:
        begin = at + len(LENGTH)
        length = int(head[begin : head.find(LINE, begin)])
        if length < 0:
            raise ValueError
        return length
    return IN_CHUNKS if CHUNKED in head else 0


def cut(data: bytes) -> tuple[list[bytes], int, bool]:
    """Return the whole chunks, how far they reach, and whether they were the last ones.

    Raises ValueError. Trailers are not expected: no etcd sends one.
    """
    pieces: list[bytes] = []
    at = 0
    while (line := data.find(LINE, at)) >= 0:
        size = int(data[at:line], 16)
        begin = line + 2
        end = begin + size + 2
        if len(data) < end:
            break
        if not size:
            return pieces, end, True
        pieces.append(data[begin : end - 2])
        at = end
    return pieces, at, False
