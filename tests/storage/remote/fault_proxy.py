"""A proxy between a store and an etcd, on the wire, that fails as it is told.

It reads HTTP/2 no deeper than its frames: whether one opens or ends a stream, and which streams
stay open for more (watches). So it can keep requests that were sent, answers that were given, or
what watches tell, each for itself, and pass them on later, or never.

What is kept is kept in order; frames of a connection as a whole (settings, pings, windows) always
pass, so that neither side takes the other for dead: only ``freeze`` stops those, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, NamedTuple, Self

HOST: Final = "127.0.0.1"
PREFACE_BYTES: Final = 24
HEAD_BYTES: Final = 9
DATA: Final = 0
HEADERS: Final = 1
RST_STREAM: Final = 3
END_STREAM: Final = 1
INTERNAL_ERROR: Final = 2
PATIENCE_S: Final = 20.0
"""Nothing that a test waits for takes so long; what does has failed."""


class Kept(Enum):
    """What can be kept back."""

    REQUESTS = auto()
    ANSWERS = auto()
    WATCHES = auto()
    """What watches tell; not that they have been opened."""
    ALL = auto()
    """Every byte, in both directions: a member that is stopped."""


class Frame(NamedTuple):
    """One frame of HTTP/2."""

    type: int
    flags: int
    stream: int
    raw: bytes

    @property
    def ends(self) -> bool:
        """Whether its sender says nothing more on its stream."""
        return self.type == RST_STREAM or (
            self.type in (DATA, HEADERS) and bool(self.flags & END_STREAM)
        )


class Side:
    """One direction of a connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.kept: list[Frame] = []

    def send(self, raw: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(raw)

    def release(self) -> None:
        kept, self.kept = self.kept, []
        for frame in kept:
            self.send(frame.raw)


class ProxiedConnection:
    """A client's connection, and ours to the server."""

    def __init__(
        self, proxy: FaultProxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self.requests = Side(server)
        self.answers = Side(client)
        self.watches: dict[int, None] = {}
        """Streams that were opened and stay open for more requests."""
        self._cut_streams: dict[int, None] = {}

    def request(self, frame: Frame) -> None:
        """Take a frame of the client."""
        if frame.ends:
            self.watches.pop(frame.stream, None)
        elif frame.type == DATA:
            self.watches[frame.stream] = None
        if (self._proxy.keeps(Kept.REQUESTS) and frame.stream) or self._proxy.keeps(Kept.ALL):
            self._keep(self.requests, frame)
        elif frame.stream not in self._cut_streams:
            self.requests.send(frame.raw)

    def answer(self, frame: Frame) -> None:
        """Take a frame of the server."""
        if frame.stream in self._cut_streams and frame.type != HEADERS:
            return
        told = frame.stream in self.watches and frame.type == DATA
        kept = Kept.WATCHES if told else Kept.ANSWERS
        if self._proxy.keeps(Kept.ALL) or (self._proxy.keeps(kept) and frame.stream):
            self._keep(self.answers, frame)
        else:
            self.answers.send(frame.raw)

    def cut_watches(self) -> None:
        """End the watch streams towards both sides, and nothing else."""
        for stream in self.watches:
            head = (4).to_bytes(3, "big") + bytes((RST_STREAM, 0)) + stream.to_bytes(4, "big")
            for side in (self.requests, self.answers):
                side.send(head + INTERNAL_ERROR.to_bytes(4, "big"))
            self._cut_streams[stream] = None
        self.watches.clear()

    def abort(self) -> None:
        """End the connection towards both sides; what was kept is lost."""
        for side in (self.requests, self.answers):
            side.kept.clear()
            side.writer.transport.abort()

    def _keep(self, side: Side, frame: Frame) -> None:
        side.kept.append(frame)
        self._proxy.news()


class FaultProxy:
    """Listens on a port of its own for an etcd at ``upstream`` (``host:port``)."""

    kind = "etcd3"
    """Of the addresses of stores behind it."""

    def __init__(self, upstream: str) -> None:
        self.accepted = 0
        """How many connections there have been."""
        self.refused = 0
        """How many were refused."""
        self._upstream = upstream
        self._port = 0
        self._server: asyncio.Server | None = None
        self._refusing = False
        self._keeping: set[Kept] = set()
        self._connections: dict[ProxiedConnection, asyncio.Task[None] | None] = {}
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()
        tasks = [task for task in self._connections.values() if task is not None]
        if tasks:
            await asyncio.wait(tasks)

    @property
    def well(self) -> bool:
        """Whether it takes connections and passes everything on."""
        return not self._refusing and not self._keeping

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"{HOST}:{self._port}"

    @property
    def url(self) -> str:
        """The address of a store behind it."""
        return f"{self.kind}://{self.target}"

    async def close(self) -> None:
        """Listen no more, and end the connections that there are."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        self.cut()

    def refuse(self) -> None:
        """End all connections, and every new one at once."""
        self._refusing = True
        self.refused = 0
        self.cut()

    async def refuses(self) -> None:
        """Return when one has been refused since: what is sent now never was on a connection."""
        await self._until(lambda: self.refused > 0)

    def accept(self) -> None:
        """Take connections again."""
        self._refusing = False

    def turn_to(self, upstream: str) -> None:
        """Be a proxy of another etcd from now on; all connections end."""
        self._upstream = upstream
        self.cut()

    def keep(self, *what: Kept) -> None:
        """Keep back from now on."""
        self._keeping.update(what)

    def keeps(self, what: Kept) -> bool:
        """Tell whether this is kept back."""
        return what in self._keeping

    def release(self) -> None:
        """Pass on all that was kept, and whatever comes."""
        self._keeping.clear()
        for connection in self._connections:
            connection.requests.release()
            connection.answers.release()

    def forget(self) -> None:
        """Lose what watches told and was kept, and pass on whatever comes."""
        self._keeping.clear()
        for connection in self._connections:
            connection.requests.kept.clear()
            connection.answers.kept.clear()

    def cut(self) -> None:
        """End all connections; what was kept is lost, and nothing is kept any more."""
        self._keeping.clear()
        for connection in self._connections:
            connection.abort()

    def cut_watches(self) -> None:
        """End the streams of watches, while calls go on over the same connections."""
        for connection in self._connections:
            connection.cut_watches()

    async def kept_request(self, part: bytes) -> None:
        """Return when a request with these bytes in it has been kept."""
        await self._until(
            lambda: any(part in f.raw for c in self._connections for f in c.requests.kept)
        )

    async def kept_answers(self, count: int) -> None:
        """Return when so many whole answers have been kept."""
        await self._until(
            lambda: sum(f.ends for c in self._connections for f in c.answers.kept) >= count
        )

    async def kept_events(self, part: bytes) -> None:
        """Return when what a watch tells, with these bytes in it, has been kept."""
        await self._until(
            lambda: any(part in f.raw for c in self._connections for f in c.answers.kept)
        )

    async def accepts(self, count: int) -> None:
        """Return when so many connections have been made in all."""
        await self._until(lambda: self.accepted >= count)

    def news(self) -> None:
        """Something was kept, or connected."""
        self._news.set()

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if self._refusing:
            self.refused += 1
            client.transport.abort()
            self.news()
            return
        host, _, port = self._upstream.rpartition(":")
        try:
            back, server = await asyncio.open_connection(host, int(port))
        except OSError:
            client.transport.abort()
            return
        connection = self._connection(client, server)
        self._connections[connection] = asyncio.current_task()
        self.accepted += 1
        self.news()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, connection.request, connection))
                group.create_task(self._pump(back, connection.answer, connection))
        finally:
            connection.abort()
            del self._connections[connection]

    def _connection(
        self, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> ProxiedConnection:
        return ProxiedConnection(self, client, server)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        take: Callable[[Frame], None],
        connection: ProxiedConnection,
    ) -> None:
        await _pump(reader, take, connection, preface=take == connection.request)


async def _pump(
    reader: asyncio.StreamReader,
    take: Callable[[Frame], None],
    connection: ProxiedConnection,
    *,
    preface: bool,
) -> None:
    """Pass frames on until this direction ends, and with it the connection."""
    try:
        if preface:
            connection.requests.send(await reader.readexactly(PREFACE_BYTES))
        while True:
            head = await reader.readexactly(HEAD_BYTES)
            body = await reader.readexactly(int.from_bytes(head[:3], "big"))
            stream = int.from_bytes(head[5:9], "big") & 0x7FFFFFFF
            take(Frame(head[3], head[4], stream, head + body))
    except (asyncio.IncompleteReadError, ConnectionError):
        connection.abort()
