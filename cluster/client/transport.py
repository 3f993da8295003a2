"""HTTP over sockets: a bounded pool of keep-alive connections, and one connection per stream.

Who gets a connection: an idle one (the one used last), else a new one while the pool has room, else
the request stands in line, first come first served. The line is bounded, too.

When a request is sent again: only where the server cannot have acted on it. That is (1) a
connection that turned out to be closed before a byte was written, and (2) a GET whose kept-alive
connection the server tore before any byte of an answer (it had closed it as idle). A write that
was torn is reported, never repeated.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from cluster.client.connection import Connection
from cluster.client.exchange import NotSentError, Request, RequestTimeoutError, Response
from cluster.client.interface import TransportError
from cluster.client.streams import StreamReader
from storage.clock import Clock

IDLE_S_MAX: Final = 60.0
"""An idle connection older than this is not used again: servers close theirs at 75 to 90 s."""


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How many connections to which server."""

    base_url: str
    """``http://host:port`` or ``https://host:port``, with a path prefix if there is one."""
    max_connections: int = 64
    """Of the pool; streams have their own and are bounded by ``max_streams``."""
    max_waiting: int = 65536
    """Requests in line for a connection; one more is refused with NotSentError."""
    max_streams: int = 65536
    idle_s_max: float = IDLE_S_MAX
    ssl_context: ssl.SSLContext | None = None
    """For https; None: the system's trusted authorities."""


class HttpTransport:
    """An ``Exchange`` to one server. Belongs to the event loop that first uses it."""

    def __init__(self, options: TransportOptions, clock: Clock) -> None:
        url = urlsplit(options.base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"no http or https URL: {options.base_url!r}")
        self._options = options
        self._clock = clock
        self._host = url.hostname
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._ssl: ssl.SSLContext | None = None
        if url.scheme == "https":
            self._ssl = options.ssl_context or ssl.create_default_context()
        self._path_prefix = url.path.rstrip("/")
        self._host_header = f"host: {url.netloc.rpartition('@')[2]}\r\n".encode()
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._slots_used = 0
        self._pooled: dict[Connection, None] = {}
        self._streams: dict[Connection, None] = {}
        self._streams_used = 0
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        """Kept: to ask for the running loop costs CPython 3.11 a system call (getpid) each time."""
        self.connections_opened = 0
        """How many connections were made in all; close to the pool's size when keep-alive works."""
        self.repeats = 0
        """How often a request was sent again by the rule above."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        self._closed = True
        waiting = list(self._waiting)
        self._waiting.clear()
        for place in waiting:
            if not place.done():
                place.set_exception(NotSentError("this client has been closed"))
        for connection in (*self._pooled, *self._streams):
            connection.abort()

    async def request(self, request: Request, *, timeout_s: float) -> Response:
        now = self._now()
        deadline = now + timeout_s
        payload = self._encode(request)
        while True:
            connection = self._take_idle(now) or await self._acquire(deadline)
            answer: asyncio.Future[Response] | None = None
            try:
                answer = connection.send(payload, deadline)
                return await answer
            except asyncio.CancelledError:
                # Else the answer had come, and the connection may be another request's by now.
                if answer is not None and answer.cancelled():
                    connection.abort()
                raise
            except NotSentError:
                connection.abort()
                if self._closed:
                    raise
            except RequestTimeoutError:
                raise
            except TransportError:
                # ``served`` bounds the loop: a new connection that tears is reported.
                if connection.answer_begun or not connection.served or not request.idempotent:
                    raise
            self.repeats += 1
            now = self._now()

    def _now(self) -> float:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop.time()

    async def open_stream(
        self, request: Request, *, timeout_s: float, lifetime_s: float = 0.0
    ) -> StreamReader:
        if self._streams_used >= self._options.max_streams:
            raise NotSentError(f"{self._streams_used} streams are open already")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        self._streams_used += 1
        try:
            connection = await self._connect(deadline, pooled=False)
        except BaseException:
            self._streams_used -= 1
            raise
        reader = StreamReader(connection)
        try:
            reader.begin(await connection.send(self._encode(request), deadline, reader))
        except BaseException:
            connection.abort()
            raise
        connection.set_deadline(loop.time() + lifetime_s if lifetime_s else 0.0)
        return reader

    def _encode(self, request: Request) -> bytes:
        method, target, headers, body = request
        length = f"content-length: {len(body)}\r\n" if body or method != "GET" else ""
        head = f"{method} {self._path_prefix}{target} HTTP/1.1\r\n{length}".encode()
        return b"".join((head, self._host_header, headers, b"\r\n", body))

    def _take_idle(self, now: float) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and now - connection.idle_since < self._options.idle_s_max:
                return connection
            connection.abort()
        return None

    async def _acquire(self, deadline: float) -> Connection:
        if self._closed:
            raise NotSentError("this client has been closed")
        if self._slots_used >= self._options.max_connections:
            given = await self._stand_in_line(deadline)
            if given is not None:
                return given
            # None: the slot of a connection that closed, to be used for a new one.
        else:
            self._slots_used += 1
        try:
            return await self._connect(deadline, pooled=True)
        except BaseException:
            self._pass_on(None)
            raise

    async def _stand_in_line(self, deadline: float) -> Connection | None:
        """Wait for a connection or a free slot (None), either of which is then the caller's."""
        if len(self._waiting) >= self._options.max_waiting:
            raise NotSentError(f"{len(self._waiting)} requests are in line already")
        loop = asyncio.get_running_loop()
        place: asyncio.Future[Connection | None] = loop.create_future()
        self._waiting.append(place)
        timer = loop.call_at(deadline, _expire, place)
        try:
            given = await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._pass_on(place.result())
            raise
        finally:
            timer.cancel()
        return given

    async def _connect(self, deadline: float, *, pooled: bool) -> Connection:
        loop = asyncio.get_running_loop()
        connection = Connection(
            loop,
            self._clock,
            on_idle=self._pass_on if pooled else Connection.abort,
            on_closed=self._on_pooled_closed if pooled else self._on_stream_closed,
        )
        try:
            async with asyncio.timeout_at(deadline):
                await loop.create_connection(
                    lambda: connection, self._host, self._port, ssl=self._ssl
                )
        except TimeoutError as error:
            raise NotSentError(f"no connection to {self._host}:{self._port} in time") from error
        except OSError as error:
            raise NotSentError(f"no connection to {self._host}:{self._port}: {error}") from error
        self.connections_opened += 1
        if not connection.usable or self._closed:
            connection.abort()
            raise NotSentError(f"{self._host}:{self._port} closed the connection at once")
        (self._pooled if pooled else self._streams)[connection] = None
        return connection

    def _on_pooled_closed(self, connection: Connection) -> None:
        # One that is lost while it is being made is not among them; its maker frees the slot.
        if connection in self._pooled:
            del self._pooled[connection]
            if connection in self._idle:
                self._idle.remove(connection)
            self._pass_on(None)

    def _on_stream_closed(self, connection: Connection) -> None:
        if connection in self._streams:
            del self._streams[connection]
            self._streams_used -= 1

    def _pass_on(self, given: Connection | None) -> None:
        """Give a connection or a slot to the first in line, else keep it for the next request."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(given)
                return
        if given is None:
            self._slots_used -= 1
        elif given.usable:
            self._idle.append(given)


def _expire(place: asyncio.Future[Connection | None]) -> None:
    if not place.done():
        place.set_exception(NotSentError("no connection became free within the deadline"))
