"""A transport wired to a scripted server, and requests to send through it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cluster.client.exchange import (
    Request,
    Response,
)
from cluster.client.transport import HttpTransport, TransportOptions
from storage.clock import SystemClock
from tests.cluster.client.raw_server import RawConnection, RawServer, raw_server

GET = Request("GET", "/api/v1/nodes", b"accept: x\r\n")
PUT = Request("PUT", "/api/v1/nodes/a", b"", b"body")


@asynccontextmanager
async def wired(**options: Any) -> AsyncIterator[tuple[RawServer, HttpTransport]]:
    async with raw_server() as server:
        transport_options = TransportOptions(server.url, **options)
        async with HttpTransport(transport_options, SystemClock()) as transport:
            yield server, transport


def send(
    transport: HttpTransport, request: Request = GET, timeout_s: float = 5.0
) -> asyncio.Task[Response]:
    return asyncio.get_running_loop().create_task(transport.request(request, timeout_s=timeout_s))


async def used_connection(server: RawServer, transport: HttpTransport) -> RawConnection:
    answer = send(transport)
    connection = await server.accept()
    await connection.request()
    connection.answer()
    await answer
    return connection
