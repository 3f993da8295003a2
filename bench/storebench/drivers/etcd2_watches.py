"""Watches of etcd's v2 protocol: a connection each, as a stream or by a request an event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Self

import orjson

from bench.storebench.drivers.interface import DriverError, Heard
from bench.storebench.etcd2_requests import Requests, refusal
from bench.storebench.http_wire import CODE, Answer, Connection, Piece, WireError

OK: Final = 200
OK_CODE: Final = b"200"
WRITTEN: Final = frozenset({"create", "set", "update", "compareAndSwap"})
Follow = Callable[[Connection, bytes, Heard, asyncio.Future[None]], Awaitable[None]]


class Watches:
    """The watches of one driver, inside ``async with``: a task each."""

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], requests: Requests, *, polls: bool
    ) -> None:
        self._connect = connect
        self._requests = requests
        self._follow: Follow = self._poll if polls else self._stream
        self._tasks = asyncio.TaskGroup()
        self._running: list[asyncio.Task[None]] = []
        self.ended: list[str] = []
        """Why those have ended that stood."""

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for each in self._running:
            each.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def open(self, prefix: bytes, heard: Heard) -> None:
        """Watch everything under a prefix; return once the watch stands. Raises DriverError."""
        connection = await self._connect()
        stands: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = self._tasks.create_task(self._run(connection, prefix, heard, stands))
        self._running.append(task)
        await stands

    async def _run(
        self, connection: Connection, prefix: bytes, heard: Heard, stands: asyncio.Future[None]
    ) -> None:
        try:
            await self._follow(connection, prefix, heard, stands)
        except (WireError, DriverError, ValueError) as error:
            if stands.done():
                self.ended.append(str(error))
            else:
                stands.set_exception(DriverError(f"a watch was refused: {error}"))
        finally:
            connection.close()

    async def _stream(
        self, connection: Connection, prefix: bytes, heard: Heard, stands: asyncio.Future[None]
    ) -> None:
        """Have one answer tell of every event."""
        request = self._requests.watch(prefix)
        lines = Lines(heard)
        answer = await connection.ask(request, headed=_standing(stands), told=lines.take)
        _check(answer)
        raise DriverError("the server ended the stream")

    async def _poll(
        self, connection: Connection, prefix: bytes, heard: Heard, stands: asyncio.Future[None]
    ) -> None:
        """Ask for each event, from the index behind that of the last one."""
        headed: Piece | None = _standing(stands)
        since = 0
        while True:
            request = self._requests.watch(prefix, stream=False, since=since)
            answer = await connection.ask(request, headed=headed)
            _check(answer)
            since, headed = tell(answer.body, heard) + 1, None


def _standing(stands: asyncio.Future[None]) -> Piece:
    """Return what is called with an answer's head, that comes as soon as the watch stands."""

    def headed(head: bytes) -> None:
        if head[CODE] == OK_CODE and not stands.done():
            stands.set_result(None)

    return headed


def _check(answer: Answer) -> None:
    if answer.code != OK:
        raise DriverError(refusal(answer))


def tell(line: bytes, heard: Heard) -> int:
    """Tell of an event if it is a write; return its index. Raises ValueError."""
    event = orjson.loads(line)
    node = event["node"]
    if event["action"] in WRITTEN:
        heard(node["value"].encode())
    index: int = node["modifiedIndex"]
    return index


class Lines:
    """A stream of events, a line of JSON each, however it is cut."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._rest = b""

    def take(self, piece: bytes) -> None:
        """Tell of the events that are whole now. Raises ValueError."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            tell(line, self._heard)
