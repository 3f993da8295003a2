"""A relay of TCP connections that can stand still, or let nobody through."""

from __future__ import annotations

import asyncio
from typing import Final, Self

HOST: Final = "127.0.0.1"
PIECE: Final = 65536


class Relay:
    """Listens on a port of its own for a server at ``upstream`` (``host:port``)."""

    def __init__(self, upstream: str) -> None:
        self._host, _, port = upstream.rpartition(":")
        self._upstream_port = int(port)
        self._server: asyncio.Server | None = None
        self._refusing = False
        self._moving = asyncio.Event()
        self._moving.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._serving: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()
        self._cut()
        if self._serving:
            await asyncio.wait(self._serving)

    @property
    def target(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"{HOST}:{self._server.sockets[0].getsockname()[1]}"

    def pause(self) -> None:
        """Pass on nothing of what the server says; connections stay, and new ones are made."""
        self._moving.clear()

    def resume(self) -> None:
        """Pass on what was held back, and whatever comes."""
        self._moving.set()

    def refuse(self) -> None:
        """End all connections, and every new one at once."""
        self._refusing = True
        self._cut()

    def accept(self) -> None:
        """Take connections again."""
        self._refusing = False

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self._moving.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.append(task)
        if self._refusing:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._host, self._upstream_port)
        self._writers += [writer, back]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass(reader, back))
            group.create_task(self._pass(there, writer, held=True))

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, held: bool = False
    ) -> None:
        try:
            while piece := await reader.read(PIECE):
                if held:
                    await self._moving.wait()
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass  # either side may go
        finally:
            writer.transport.abort()
