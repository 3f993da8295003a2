"""All connections to one server: each request gets one of its own, as far as there may be more.

How it works. A request takes an idle connection, the one used last, and writes to it in the same
step. Where there is none, one is made, up to ``size``; beyond that requests wait, first come, first
served. A server answers the requests of a connection one after the other, so writes, which wait for
a disk, are never put behind one another: of several on a connection that breaks, nobody could tell
which have happened. Only polls of what is there already are pipelined, on a connection of theirs.

A create through the store of etcd 2 costs 167 us of CPU where calls come singly, 65 with 16 callers
and 59 with 64; by gRPC, to the same etcd, 232, 70 and 52 (``tests.storage.remote2.measure_calls``).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Final

from storage.remote.http1.connection import Answer, Connection, Exchange, Sink
from storage.remote.http1.failures import Fault, HttpError
from storage.remote.http2.deadlines import Deadlines
from storage.remote.http2.dialing import Dial, address_of, dial

CONNECT_S: Final = 3.0
CLOSE_S: Final = 0.5
BACKOFF_S: Final = 0.05
BACKOFF_MAX_S: Final = 0.5
"""After a connection could not be made requests fail at once for so long."""


class Pool:
    """Requests to one server. Made on the loop that uses it."""

    def __init__(
        self,
        target: str,
        tls: ssl.SSLContext | None,
        *,
        size: int,
        keep: frozenset[bytes],
        dialing: Dial = dial,
    ) -> None:
        self.target = target
        self.loop = asyncio.get_running_loop()
        self.address = address_of(target)
        self.connections = 0
        """How many were made."""
        self._tls = tls
        self._size = size
        self._keep = keep
        self._dial = dialing
        self._deadlines = Deadlines[Exchange](self.loop, self._expire)
        self._idle: list[Connection] = []
        self._all: dict[Connection, None] = {}
        self._sockets: dict[Connection, None] = {}
        """Also those that have been closed, until they are."""
        self._lent: dict[Connection, None] = {}
        """Those of which only their borrower knows what they are for: they do not count."""
        self._dialing = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._retry_at = 0.0
        self._backoff_s = BACKOFF_S
        self._failure = ""
        self._closed = False

    async def ask(self, payload: bytes, timeout_s: float) -> Answer:
        """Send a request; return its whole answer. Raises HttpError."""
        connection = self._take()
        if connection is None:
            begun = self.loop.time()
            connection = await self._wait_for_one(timeout_s)
            timeout_s -= self.loop.time() - begun
        exchange = connection.ask(payload)
        self._deadlines.add(exchange, timeout_s)
        try:
            return await exchange.answer
        except asyncio.CancelledError:
            connection.close(HttpError(Fault.BROKEN, "given up by its caller"))
            raise

    async def stream(self, payload: bytes, sink: Sink, timeout_s: float) -> Exchange:
        """Send a request whose answer goes on; return when its head has come, within the time.

        An answer that is no success comes whole, as ``ask`` returns it: ``begun`` is False then.
        The connection is the stream's own; its owner closes it. Raises HttpError.
        """
        connection = await self.connect()
        exchange = connection.stream(payload, sink)
        self._deadlines.add(exchange, timeout_s)
        try:
            await exchange.answer
        except BaseException:
            connection.close(HttpError(Fault.BROKEN, "given up by its caller"))
            raise
        self._deadlines.remove(exchange)
        return exchange

    async def connect(self) -> Connection:
        """Make a connection that is the caller's own, until it closes it. Raises HttpError."""
        connection = await self._connect()
        self._lent[connection] = None
        return connection

    def limit(self, exchange: Exchange, timeout_s: float) -> None:
        """Let a request on a connection of its sender's own take no longer than this."""
        self._deadlines.add(exchange, timeout_s)

    async def close(self) -> None:
        """End all requests and connections; requests fail from now on."""
        self._closed = True
        error = HttpError(Fault.CLOSED, "the pool has been closed")
        for connection in list(self._all):
            connection.close(error)
        self._release_all()
        self._deadlines.close()
        if self._sockets:
            await asyncio.wait([connection.lost for connection in self._sockets], timeout=CLOSE_S)

    def _take(self) -> Connection | None:
        """Return an idle connection."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
        return None

    async def _wait_for_one(self, timeout_s: float) -> Connection:
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    if len(self._all) - len(self._lent) + self._dialing < self._size:
                        return await self._connect()
                    connection = await self._turn()
                    if connection is not None and connection.usable:
                        return connection
        except TimeoutError:
            raise HttpError(Fault.NOT_SENT, "nothing took it in time") from None

    async def _turn(self) -> Connection | None:
        """Wait for a connection that another has done with; None: there may be room for one."""
        turn: asyncio.Future[Connection | None] = self.loop.create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was this one's turn
                self._give(turn.result())
            raise

    def _give(self, connection: Connection | None) -> None:
        """Let the next one have a connection, or make one; keep it where nobody waits."""
        waiting = self._waiting
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is not None:
            self._idle.append(connection)

    def _release_all(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    async def _connect(self) -> Connection:
        if self._closed:
            raise HttpError(Fault.CLOSED, "the pool has been closed")
        if self.loop.time() < self._retry_at:
            raise HttpError(Fault.NOT_SENT, self._failure)
        connection = Connection(self.loop, self._keep, self._gone, self._answered)
        self._dialing += 1
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._dial(self.address, self._tls, lambda: connection)
        except (OSError, ValueError) as error:  # ValueError: a host's name that cannot be one
            words = str(error) or f"no connection within {CONNECT_S:g} s"
            self._failure = f"no connection to {self.target}: {words}".replace("\n", " ")
            self._retry_at = self.loop.time() + self._backoff_s
            self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_S)
            self._release_all()
            raise HttpError(Fault.NOT_SENT, self._failure) from error
        finally:
            self._dialing -= 1
        self._backoff_s = BACKOFF_S
        self.connections += 1
        self._sockets[connection] = None
        connection.lost.add_done_callback(lambda _: self._sockets.pop(connection, None))
        self._all[connection] = None
        if not self._takes(connection):
            connection.close(HttpError(Fault.CLOSED, "the pool has been closed"))
            self._all.pop(connection, None)
            raise HttpError(Fault.NOT_SENT, f"{self.target} closed the connection at once")
        return connection

    def _takes(self, connection: Connection) -> bool:
        return connection.usable and not self._closed

    def _answered(self, exchange: Exchange) -> None:
        self._deadlines.remove(exchange)
        connection = exchange.connection
        if connection not in self._lent and connection.usable and connection.idle:
            self._give(connection)

    def _gone(self, connection: Connection) -> None:
        self._all.pop(connection, None)
        self._lent.pop(connection, None)
        if connection in self._idle:
            self._idle.remove(connection)
        self._give(None)

    def _expire(self, exchange: Exchange) -> None:
        exchange.connection.close(HttpError(Fault.LATE, "no answer in time"))
