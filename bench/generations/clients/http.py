"""HTTP/1.1 for etcd 2: a connection carries one request at a time, or one stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import httptools

from bench.generations.clients.interface import ClientError

CONNECT_S_MAX: Final = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    code: int
    index: int
    """``X-Etcd-Index``; 0: it told none."""
    pieces: list[bytes]

    @property
    def body(self) -> bytes:
        """Return what came, joined."""
        return b"".join(self.pieces)


class Connection(asyncio.Protocol):
    """One connection: ``ask`` for an answer, or ``follow`` a stream of lines."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._index = 0
        self._answer: asyncio.Future[Answer] | None = None
        self._stands: asyncio.Future[Answer] | None = None
        self._line: Callable[[bytes], None] | None = None
        self._ended: Callable[[str], None] | None = None
        self._rest = b""

    @property
    def transport(self) -> asyncio.Transport | None:
        """Return what carries it; None once it is gone."""
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, for uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(f"connection lost: {exc or 'closed by the server'}")

    def close(self) -> None:
        """End it; what is under way fails."""
        if self._transport is not None:
            self._transport.close()

    def pause(self) -> None:
        """Read nothing until ``resume``: a client that hangs."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None:
            self._transport.resume_reading()

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the answer is the future's result (hot path)."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        if self._transport is None:
            future.set_exception(ClientError("the connection is closed"))
            return future
        assert self._answer is None
        self._answer = future
        self._transport.write(request)
        return future

    def follow(
        self, request: bytes, line: Callable[[bytes], None], ended: Callable[[str], None]
    ) -> asyncio.Future[Answer]:
        """Send a request whose answer never ends: each line goes to ``line``.

        The future has the answer's head, or the whole answer where it was refused.
        """
        self._line, self._ended = line, ended
        self._stands = self._loop.create_future()
        stands = self._stands
        self.ask(request).add_done_callback(_seen)
        return stands

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """httptools: an answer begins."""
        self._pieces = []
        self._index = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header."""
        if name == b"X-Etcd-Index" or name.lower() == b"x-etcd-index":
            self._index = int(value)

    def on_headers_complete(self) -> None:
        """httptools: the head is whole."""
        code = self._parser.get_status_code()
        if self._stands is not None and code == 200:
            stands, self._stands = self._stands, None
            if not stands.done():
                stands.set_result(Answer(code, self._index, []))

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        if self._line is None or self._stands is not None:
            self._pieces.append(body)
            return
        *lines, self._rest = (self._rest + body).split(b"\n")
        for each in lines:
            self._line(each)

    def on_message_complete(self) -> None:
        """httptools: the answer is whole."""
        answer = Answer(self._parser.get_status_code(), self._index, self._pieces)
        self._pieces = []
        future, self._answer = self._answer, None
        stands, self._stands = self._stands, None
        if stands is not None and not stands.done():
            stands.set_result(answer)
        elif self._ended is not None:
            self._ended("the server ended the stream")
        if future is not None and not future.done():
            future.set_result(answer)

    def _fail(self, why: str) -> None:
        for future in (self._answer, self._stands):
            if future is not None and not future.done():
                future.set_exception(ClientError(why))
        self._answer = self._stands = None
        if self._ended is not None:
            self._ended(why)


def _seen(future: asyncio.Future[Answer]) -> None:
    """Take note of how it ended: a stream's end is told to ``ended``."""
    if not future.cancelled():
        future.exception()


async def connect(host: str, port: int) -> Connection:
    """Return a connection. Raises ClientError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            _, made = await loop.create_connection(Connection, host, port)
    except (OSError, TimeoutError) as error:
        why = getattr(error, "strerror", None) or str(error) or "no answer"
        raise ClientError(f"{host}:{port}: not connected: {why}") from error
    return made
