"""A gRPC server on the event loop: its sockets, its connections, how it ends."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final

from storage.http2 import frames
from storage.serve.http2.connection import Connection
from storage.serve.http2.methods import Head, Method, page_of, refusing_content
from storage.serve.http2.plain import Pages
from storage.serve.http2.turns import Turns

BACKLOG: Final = 1024


class Http2Server:
    """Serves calls on bound sockets; ``find`` is told the path of each."""

    def __init__(
        self,
        find: Callable[[str], Method],
        *,
        message_bytes: int,
        pages: Pages | None = None,
        farewell: str = "the server ends",
        turns: Turns | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        # A message must find room in the window of a stream, which cannot be larger.
        self.message_bytes = min(message_bytes, frames.WINDOW_MAX - frames.FRAME_BYTES)
        self.pages = pages
        self.farewell = farewell
        self.turns = Turns() if turns is None else turns
        self._find = find
        self._cancelled: set[asyncio.Task[None]] = set()
        """Tasks of calls that have ended before them."""
        self._connections: dict[Connection, None] = {}
        self._servers: list[asyncio.Server] = []
        self._empty = asyncio.Event()
        self._empty.set()

    async def listen(self, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None) -> None:
        """Take connections from now on."""
        for each in sockets:
            if each.family == socket.AF_UNIX:
                server = await self.loop.create_unix_server(
                    self._connected, sock=each, ssl=tls, backlog=BACKLOG
                )
            else:
                server = await self.loop.create_server(
                    self._connected, sock=each, ssl=tls, backlog=BACKLOG
                )
            self._servers.append(server)

    async def stop(self, grace_s: float) -> None:
        """Take no more, let the calls under way end, and close every connection."""
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.leave()
        try:
            async with asyncio.timeout(grace_s):
                await self._empty.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            await self._empty.wait()
        while self._cancelled:
            await asyncio.wait(self._cancelled)

    def _connected(self) -> Connection:
        return Connection(self)

    # For connections

    def method(self, head: Head) -> Method:
        """As ``connection.Host``."""
        if head.is_grpc:
            return self._find(head.path)
        if self.pages is None:
            return refusing_content(head.content_type)
        return page_of(self.pages, head)

    def cancel(self, task: asyncio.Task[None]) -> None:
        """As ``connection.Host``."""
        self._cancelled.add(task)
        task.add_done_callback(self._cancelled.discard)
        task.cancel()

    def joined(self, connection: Connection) -> None:
        """As ``connection.Host``."""
        self._connections[connection] = None
        self._empty.clear()

    def left(self, connection: Connection) -> None:
        """As ``connection.Host``."""
        del self._connections[connection]
        if not self._connections:
            self._empty.set()
