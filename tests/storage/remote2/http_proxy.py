"""The proxy that fails, for HTTP/1.1: what a connection carries is known by its first request.

A store polls and streams on connections of their own, so a connection is either a watch's or that
of calls, one after the other. What is received at once of a call's answer is taken for all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.storage.remote.fault_proxy import (
    DATA,
    END_STREAM,
    FaultProxy,
    Frame,
    ProxiedConnection,
)

PIECE_BYTES = 1 << 20
WATCH = b"wait=true"


class _HttpConnection(ProxiedConnection):
    """It has one stream, as far as the proxy knows: a watch, or calls."""

    def cut_watches(self) -> None:
        if self.watches:
            self.abort()


class HttpFaultProxy(FaultProxy):
    """Listens on a port of its own for an etcd 2 at ``upstream`` (``host:port``)."""

    kind = "etcd2"

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self._reading = asyncio.Event()
        self._reading.set()

    def pause_watches(self) -> None:
        """Read nothing more of what watches tell, so that the server finds no room for it."""
        self._reading.clear()

    def resume_watches(self) -> None:
        """Read on."""
        self._reading.set()

    def _connection(
        self, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> ProxiedConnection:
        return _HttpConnection(self, client, server)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        take: Callable[[Frame], None],
        connection: ProxiedConnection,
    ) -> None:
        try:
            while piece := await reader.read(PIECE_BYTES):
                if connection.watches:
                    await self._reading.wait()
                watch = bool(connection.watches) or WATCH in piece.partition(b"\r\n")[0]
                take(Frame(DATA, 0 if watch else END_STREAM, 1, piece))
        except ConnectionError:
            pass
        connection.abort()
