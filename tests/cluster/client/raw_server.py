"""A scripted server: the test accepts connections, reads requests, writes bytes, in its order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple


class RawRequest(NamedTuple):
    line: str
    headers: dict[str, str]
    body: bytes


class RawConnection:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def request(self) -> RawRequest:
        """Read one request, whole."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        line, *fields = head.rstrip().split("\r\n")
        headers = dict(field.split(": ", 1) for field in fields)
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return RawRequest(line, headers, body)

    def write(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def write_bytewise(self, octets: bytes) -> None:
        """Write byte by byte, each in a segment of its own as far as the kernel lets us."""
        for octet in octets:
            self._writer.write(bytes((octet,)))
            await self._writer.drain()
            await asyncio.sleep(0)

    def answer(self, body: bytes = b"ok", code: int = 200, headers: str = "") -> None:
        """Write a whole answer."""
        head = f"HTTP/1.1 {code} X\r\n{headers}content-length: {len(body)}\r\n\r\n"
        self.write(head.encode() + body)

    async def closed_by_client(self) -> bool:
        """Wait for the client's end; False if it sent something instead."""
        try:
            return await self._reader.read(1) == b""
        except ConnectionError:
            return True

    async def close(self) -> None:
        """Close in good order; return when the client has closed, too."""
        self._writer.close()
        await self._writer.wait_closed()

    def abort(self) -> None:
        """Reset the connection."""
        self._writer.transport.abort()


class RawServer:
    """A listening socket; connections wait in line until ``accept`` takes them."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[RawConnection] = asyncio.Queue()
        self.url = ""

    async def accept(self) -> RawConnection:
        return await self.connections.get()


@asynccontextmanager
async def raw_server() -> AsyncIterator[RawServer]:
    """Serve on a port of the loopback; every connection is closed at the end."""
    server = RawServer()
    writers: list[asyncio.StreamWriter] = []

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if not listening.is_serving():
            writer.transport.abort()
        server.connections.put_nowait(RawConnection(reader, writer))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for writer in writers:
            writer.transport.abort()
        await listening.wait_closed()
        for _ in range(5):  # let the aborted transports say goodbye before the loop closes
            await asyncio.sleep(0)
