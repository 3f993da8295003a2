"""The reader's end of a streamed answer: bytes wait here, and too many hold their source."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from cluster.client.exchange import Piece, Response
from cluster.client.interface import TransportError

STREAM_BUFFER_BYTES_MAX: Final = 4 * 1024 * 1024
"""A reader that lags further behind stops its source."""


class Source(Protocol):
    """Where a stream comes from."""

    def pause(self) -> None:
        """Bring no more until ``resume``."""
        ...

    def resume(self) -> None:
        """Go on."""
        ...

    def abort(self) -> None:
        """End at once. Idempotent."""
        ...


class StreamReader:
    """The body of a streamed answer (``exchange.BodyStream``), fed by its source."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._pieces: list[Piece] = []
        self._buffered_bytes = 0
        self._paused = False
        self._ended = False
        self._error: TransportError | None = None
        self._wake: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """Kept: to ask for the running loop costs CPython 3.11 a system call (getpid) each time."""
        self._response: Response | None = None

    @property
    def response(self) -> Response:
        assert self._response is not None
        return self._response

    def begin(self, response: Response) -> None:
        """Take the head; anything but a 200 is whole already."""
        self._response = response
        if response.code != 200:
            self._ended = True

    def feed(self, piece: Piece) -> None:
        """Take bytes; past the bound the socket is no longer read."""
        self._pieces.append(piece)
        self._buffered_bytes += len(piece.data)
        if self._buffered_bytes > STREAM_BUFFER_BYTES_MAX and not self._paused:
            self._paused = True
            self._source.pause()
        self._notify()

    def end(self, error: TransportError | None) -> None:
        """Note the end; what was fed before can still be read."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._notify()

    def _notify(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None and not wake.done():
            wake.set_result(None)

    async def read(self) -> list[Piece]:
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._ended:
                return []
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._wake = self._loop.create_future()
            await self._wake
        pieces, self._pieces = self._pieces, []
        self._buffered_bytes = 0
        if self._paused:
            self._paused = False
            self._source.resume()
        return pieces

    def close(self) -> None:
        self._pieces.clear()
        self._ended = True
        self._source.abort()
