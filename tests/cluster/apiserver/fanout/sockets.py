"""The read path under a real uvicorn on a free port of loopback, and a plain client for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self, cast
from urllib.parse import parse_qsl

import uvicorn
from uvicorn._types import ASGIApplication
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cluster.apiserver.asgi import Receive, Scope, Send
from cluster.apiserver.fanout.config import FanoutConfig
from cluster.apiserver.fanout.transport import WatchProtocol
from cluster.apiserver.reads.watching import Target, Wire
from cluster.apiserver.views.plain import PlainView
from serialization.codecs.interface import Codec, Frame
from serialization.codecs.registry import CODECS
from storage.watchcache.selection import Selection
from tests.cluster.apiserver.reads.rig import Rig, rig


class _Quiet(uvicorn.Server):
    """Leaves signals alone."""

    def install_signal_handlers(self) -> None:
        return


@asynccontextmanager
async def served(
    config: FanoutConfig, codec: str = "protobuf", *, plain: bool = False
) -> AsyncIterator[tuple[Rig, int, uvicorn.Server]]:
    """Serve pods while entered; ``plain``: under uvicorn's own protocol."""
    async with rig(fanout=config) as made:

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            query = dict(parse_qsl(scope["query_string"].decode()))
            cache = made.place.pods
            view = PlainView(cache, CODECS[codec])
            wire, target = Wire(scope, receive, send), Target(cache, Selection(), view)
            if "watch" in query:
                await made.reads.answer_watch(wire, target, query)
            else:
                await made.reads.answer_list(wire, target, query)

        settings = uvicorn.Config(
            cast("ASGIApplication", app),
            http=HttpToolsProtocol if plain else WatchProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=5,
        )
        settings.load()
        server = _Quiet(settings)
        server.lifespan = settings.lifespan_class(settings)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            await server.startup(sockets=[sock])
            try:
                yield made, sock.getsockname()[1], server
            finally:
                made.fanout.shut_down()
                await server.shutdown(sockets=[sock])


class Connection:
    """A client's connection: one request at a time, chunked answers."""

    def __init__(self, port: int, codec: Codec, receive_bytes: int = 0) -> None:
        self._port = port
        self._codec = codec
        self._receive_bytes = receive_bytes
        self.chunks = 0
        """Chunks received, the last one included."""

    async def __aenter__(self) -> Self:
        sock = socket.socket()
        if self._receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_bytes)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        self._reader, self._writer = await asyncio.open_connection(sock=sock, limit=1 << 24)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._writer.transport.abort()

    async def ask(self, query: str) -> dict[str, str]:
        """Send a request, return the answer's headers."""
        self._frames = self._codec.frame_reader()
        self._writer.write(f"GET /api/v1/pods?{query} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 200"), head
        lines = (line.partition(": ") for line in head.splitlines()[1:-1])
        return {name.lower(): value for name, _, value in lines}

    async def chunk(self) -> bytes:
        """Return the next chunk; empty at the end of the answer."""
        self.chunks += 1
        size = int(await self._reader.readuntil(b"\r\n"), 16)
        return (await self._reader.readexactly(size + 2))[:-2]

    async def body(self) -> bytes:
        """Return the rest of the answer."""
        pieces = []
        while piece := await self.chunk():
            pieces.append(piece)
        return b"".join(pieces)

    async def events(self, count: int) -> list[Frame]:
        """Return the next ``count`` events (fewer where the answer ends)."""
        found: list[Frame] = []
        while len(found) < count:
            piece = await self.chunk()
            if not piece:
                break
            found += self._frames.feed(piece)
        return found
