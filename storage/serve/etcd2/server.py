"""The server of the second protocol: its sockets, its connections, how it ends."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from storage.serve.etcd2.accounts import Accounts
from storage.serve.etcd2.auth import Auth
from storage.serve.etcd2.connection import Connection
from storage.serve.etcd2.diagnostics import DiagnosticPages
from storage.serve.etcd2.heads import Heads
from storage.serve.etcd2.keys import Keys
from storage.serve.etcd2.members import MemberList
from storage.serve.etcd2.pages import MemberPages, Pages
from storage.serve.etcd2.router import Router
from storage.serve.etcd2.serving import Serving
from storage.serve.etcd3.server import Address, ListenError
from storage.serve.etcd3.tls import credentials
from storage.serve.http2.sockets import UNIX, BindError, bind, unbind

BACKLOG: Final = 1024
FILES_KEPT: Final = 150
"""How many open files stay for others, as with etcd: the rest may be connections."""
IDLE_S_MAX: Final = 300.0
"""How long a connection may be idle, or in the middle of a request: etcd's bound."""
STOP_S: Final = 1.0
"""How long answers under way may take at the end."""


@asynccontextmanager
async def listening(address: Address) -> AsyncIterator[Listener]:
    """Bind; what is yielded serves once it is told whom. Raises ListenError, TlsError."""
    tls = None
    if address.tls is not None:
        tls = credentials(address.tls)
        tls.set_alpn_protocols(["http/1.1"])
    try:
        sockets = bind(address.target)
    except BindError as error:
        raise ListenError(str(error)) from error
    listener = Listener(sockets, address, tls)
    try:
        yield listener
    finally:
        await listener.stop()
        unbind(address.target, sockets)


class Listener:
    """Bound sockets that are not served yet."""

    def __init__(
        self, sockets: list[socket.socket], address: Address, tls: ssl.SSLContext | None
    ) -> None:
        self.port = 0 if address.target.startswith(UNIX) else int(sockets[0].getsockname()[1])
        """0 for a Unix socket."""
        self.target = address.bound(self.port)
        self.url = address.url(self.port)
        self._sockets = sockets
        self._tls = tls
        self._servers: list[asyncio.Server] = []
        self._application: Router | None = None
        self._keys: Keys | None = None
        self._auth: Auth | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.connections_max = max(soft - FILES_KEPT, 1)
        self.idle_s_max = IDLE_S_MAX

    @property
    def requests(self) -> Mapping[str, int]:
        """How many requests were served, by method."""
        return {} if self._application is None else self._application.requests

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return 0 if self._application is None else len(self._application.connections)

    @property
    def watchers(self) -> int:
        """How many watches are being answered."""
        return 0 if self._keys is None else self._keys.watchers

    async def serve(self, serving: Serving) -> None:
        """Answer requests from now on, until the listening ends."""
        heads = Heads(serving.clock, serving.cluster_id, serving.term)
        auth = self._auth = Auth(Accounts(serving.store), heads)
        keys = self._keys = Keys(serving, heads, auth)
        member = MemberPages(serving, heads, lambda: keys.watchers)
        members = MemberList(serving, heads, auth)
        own = DiagnosticPages(serving, heads, lambda: keys.watchers, lambda: self.requests)
        pages = Pages({**member.pages(), **own.pages(), **members.pages(), **auth.pages()})
        self._application = application = Router(keys, pages, heads, auth)
        application.connections_max = self.connections_max
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            make = loop.create_unix_server if each.family == socket.AF_UNIX else loop.create_server
            server = await make(
                lambda: Connection(application), sock=each, ssl=self._tls, backlog=BACKLOG
            )
            self._servers.append(server)
        self._sweep()

    async def stop(self) -> None:
        """Let answers under way be given, then close every connection."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for server in self._servers:
            server.close()
        if self._application is None:
            return
        self._application.leave()
        try:
            async with asyncio.timeout(STOP_S):
                await self._application.empty.wait()
        except TimeoutError:
            for connection in list(self._application.connections):
                connection.abort()
            await self._application.empty.wait()
        if self._auth is not None:
            await self._auth.settled()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(self.idle_s_max / 5, self._sweep)
        if self._application is not None:
            longest_s = loop.time() - self.idle_s_max
            for connection in list(self._application.connections):
                if connection.idle and connection.idle_since_s < longest_s:
                    connection.close()
