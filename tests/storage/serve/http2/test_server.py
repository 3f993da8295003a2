"""How a server ends while clients are there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

from storage.http2 import frames
from storage.serve.http2.calls import Call
from storage.serve.http2.server import Http2Server
from storage.serve.http2.sockets import bind
from tests.storage.serve.http2.client import header, streaming, window

PATIENCE_S = 20.0
FLOOD_BYTES = 32 << 20
"""More than the sockets of both sides take."""


def test_a_server_ends_though_a_client_never_reads() -> None:
    async def run() -> None:
        begun = asyncio.Event()

        async def flood(_requests: AsyncIterator[bytes], call: Call) -> None:
            begun.set()
            await call.write(bytes(FLOOD_BYTES))

        server = Http2Server(lambda _path: streaming(flood), message_bytes=1 << 20)
        bound = bind("127.0.0.1:0")
        await server.listen(bound, None)
        settings = frames.settings({frames.INITIAL_WINDOW_SIZE: frames.WINDOW_MAX})
        with socket.create_connection(bound[0].getsockname()) as client:
            client.sendall(frames.PREFACE + settings + window(0, 1 << 30) + header(1, "/flood"))
            async with asyncio.timeout(PATIENCE_S):
                await begun.wait()
                await server.stop(0.0)

    asyncio.run(run())
