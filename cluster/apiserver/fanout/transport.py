"""Watch streams past ASGI: a uvicorn protocol that lends its transport, and the writer on it.

uvicorn writes the response's head and its end; in between, the fan-out writes chunks straight to
the transport. Both go through the same transport, so their order holds.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Protocol, Self, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cluster.apiserver.asgi import Scope
from cluster.apiserver.fanout.chunk import Chunk
from cluster.apiserver.fanout.writer import Listener

EXTENSION: Final = "kubedyno.transport"


class Borrower(Protocol):
    """What a connection tells of while it is lent."""

    @property
    def listener(self) -> Listener:
        """Who is told that the client has gone, or that the server stops."""
        ...

    def held(self) -> None:
        """The transport holds more than it should."""
        ...

    def resumed(self) -> None:
        """There is room again, or nobody to write to."""
        ...


class Lender(Protocol):
    """A connection that lends its transport to one response at a time."""

    transport: asyncio.Transport

    def sent(self, count: int) -> None:
        """Count the bytes of a write to the transport."""
        ...

    def lend(self, borrower: Borrower | None) -> None:
        """Tell the borrower of pauses and of the connection's end, until given None."""
        ...


class WatchProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with its transport in ``scope['extensions']``.

    Given to ``uvicorn.Config(http=WatchProtocol)``.
    """

    _borrower: Borrower | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection (the override is uvicorn's own: a narrower transport)."""
        super().connection_made(transport)
        self._extensions: dict[str, object] = {EXTENSION: self}

    def on_message_begin(self) -> None:
        """Begin a request, with the extension in its scope."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # ours is one

    def sent(self, count: int) -> None:
        """Count nothing: who wants to know overrides it."""

    def lend(self, borrower: Borrower | None) -> None:
        self._borrower = borrower
        if borrower is not None and self.transport.is_closing():
            borrower.listener.disconnected()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell uvicorn and the borrower that the client has gone."""
        super().connection_lost(exc)
        self._extensions = {}  # they lead back here: a circle
        if self._borrower is not None:
            self._borrower.resumed()
            self._borrower.listener.disconnected()

    def pause_writing(self) -> None:
        """Hold whoever waits in ``drain``."""
        super().pause_writing()
        if self._borrower is not None:
            self._borrower.held()

    def resume_writing(self) -> None:
        """Let whoever waits in ``drain`` go on."""
        super().resume_writing()
        if self._borrower is not None:
            self._borrower.resumed()

    def shutdown(self) -> None:
        """End a lent response as well: uvicorn waits for all of them."""
        super().shutdown()
        if self._borrower is not None:
            self._borrower.listener.stopping()


class TransportWriter:
    """Writes pre-framed chunks to a lent transport (``StreamWriter``)."""

    __slots__ = ("_lender", "_limit", "_transport", "_waiting", "listener", "paused")

    def __init__(self, lender: Lender, listener: Listener, buffer_max_bytes: int) -> None:
        self._lender = lender
        self._transport = lender.transport
        self._limit = buffer_max_bytes
        self._waiting: asyncio.Future[None] | None = None
        self.listener = listener
        self.paused = False

    async def __aenter__(self) -> Self:
        self._lender.lend(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lender.lend(None)

    def write(self, chunk: Chunk) -> None:
        self._transport.write(chunk.http)
        self._lender.sent(len(chunk.http))
        if self.paused and self._transport.get_write_buffer_size() > self._limit:
            self.listener.overflowed()

    async def drain(self) -> None:
        if self.paused and not self._transport.is_closing():
            if self._waiting is None:
                self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting

    def held(self) -> None:
        self.paused = True

    def resumed(self) -> None:
        self.paused = False
        self.release()

    def release(self) -> None:
        if self._waiting is not None:
            if not self._waiting.done():
                self._waiting.set_result(None)
            self._waiting = None

    def abort(self) -> None:
        self._transport.abort()


def lender_of(scope: Scope) -> Lender | None:
    """Return the connection that a request came over, if it lends its transport."""
    extensions = scope.get("extensions")
    if not extensions or EXTENSION not in extensions:
        return None
    return cast("Lender", extensions[EXTENSION])
