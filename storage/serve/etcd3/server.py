"""The gRPC server around the services: where it listens, what it lets through, how it ends."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from storage.serve.etcd3.errors import STOPPED
from storage.serve.etcd3.methods import Router
from storage.serve.etcd3.pages import PlainPages
from storage.serve.etcd3.services import SERVICES
from storage.serve.etcd3.serving import Serving
from storage.serve.etcd3.tls import TlsFiles, credentials
from storage.serve.http2.server import Http2Server
from storage.serve.http2.sockets import UNIX, BindError, bind, unbind

OVERHEAD_BYTES: Final = 512 << 10
"""A message may be so much larger than what a write may be, as etcd's may: who is slightly above
the bound is told so by the service, not by the transport."""
STOP_S: Final = 1.0
"""How long calls under way may go on at the end; watches never end by themselves."""


class ListenError(Exception):
    """The address cannot be listened on; the message is one line."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: ``HOST:PORT`` or ``unix:PATH``, with TLS or without."""

    target: str
    tls: TlsFiles | None = None

    def bound(self, port: int) -> str:
        """Return the address with the port that it got."""
        if self.target.startswith(UNIX):
            return self.target
        return f"{self.target.rpartition(':')[0]}:{port}"

    def url(self, port: int) -> str:
        """Return what clients are told."""
        scheme = "http" if self.tls is None else "https"
        bound = self.bound(port)
        return bound if bound.startswith(UNIX) else f"{scheme}://{bound}"


@asynccontextmanager
async def listening(address: Address, request_bytes: int) -> AsyncIterator[Listener]:
    """Bind; what is yielded serves once it is told whom. Raises ListenError, TlsError."""
    tls = None if address.tls is None else credentials(address.tls)
    try:
        sockets = bind(address.target)
    except BindError as error:
        raise ListenError(str(error)) from error
    listener = Listener(sockets, address, tls, request_bytes + OVERHEAD_BYTES)
    try:
        yield listener
    finally:
        await listener.stop()
        unbind(address.target, sockets)


class Listener:
    """Bound sockets that are not served yet."""

    def __init__(
        self,
        sockets: list[socket.socket],
        address: Address,
        tls: ssl.SSLContext | None,
        message_bytes: int,
    ) -> None:
        self.port = 0 if address.target.startswith(UNIX) else int(sockets[0].getsockname()[1])
        """0 for a Unix socket."""
        self.target = address.bound(self.port)
        self.url = address.url(self.port)
        self.calls: Mapping[str, int] = {}
        """How often each method was called, by path, once it serves."""
        self._sockets = sockets
        self._tls = tls
        self._message_bytes = message_bytes
        self._server: Http2Server | None = None

    async def serve(self, serving: Serving) -> None:
        """Answer calls from now on, until the listening ends."""
        router = Router({name: make(serving) for name, make in SERVICES.items()})
        self.calls = router.calls
        self._server = Http2Server(
            router.find,
            message_bytes=self._message_bytes,
            pages=PlainPages(serving),
            farewell=STOPPED.message,
            turns=serving.turns,
        )
        await self._server.listen(self._sockets, self._tls)

    async def stop(self) -> None:
        """Let calls under way end, then serve no more."""
        if self._server is not None:
            await self._server.stop(STOP_S)
