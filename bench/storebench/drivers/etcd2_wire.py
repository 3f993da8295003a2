"""etcd's v2 protocol by our own bytes (``http_wire``): a client that is not the limit.

HTTP/1.1 has one request at a time on a connection, so calls that are under way together need as
many: as Go's client does, one is opened where none is free, and kept. Each watch has its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import cycle
from typing import Final, Self

from bench.storebench.drivers.etcd2_watches import Watches
from bench.storebench.drivers.interface import DriverError, Heard, Spot, idle_range
from bench.storebench.endpoints import endpoints_of
from bench.storebench.etcd2_requests import (
    NOT_FOUND,
    REFUSED,
    Requests,
    modified_index,
    refusal,
    store_index,
)
from bench.storebench.http_wire import Answer, Connection, WireError

CONNECT_S_MAX: Final = 10.0
OPENING_MAX: Final = 64
"""Watches that are being opened at once: a server's queue of new connections is short."""
NOBODY: Final = b"/kubedyno-nobody"


class Etcd2WireDriver:
    """Requests of ``/v2/keys``."""

    def __init__(self, spot: Spot) -> None:
        self._endpoints = endpoints_of(spot.store)
        self._most = spot.connections
        self._quorum = spot.quorum
        self._requests = Requests(self._endpoints[0])
        self._next = cycle(self._endpoints)
        self._watches = Watches(self._connect, self._requests, polls=spot.polls)
        self._all: list[Connection] = []
        self._free: list[Connection] = []
        self._begun = 0
        self._line: deque[asyncio.Future[Connection | None]] = deque()

    async def __aenter__(self) -> Self:
        try:
            for _ in self._endpoints:
                self._free.append(await self._connect())
        except DriverError:
            self._close()
            raise
        self._begun = len(self._free)
        await self._watches.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._watches.__aexit__(*exc_info)
        self._close()

    def _close(self) -> None:
        for each in self._all:
            each.close()

    async def put(self, key: bytes, value: bytes) -> int:
        return _index(await self._ask(self._requests.put(key, value)))

    async def swap(self, key: bytes, value: bytes, expected: int) -> int:
        answer = await self._ask(self._requests.swap(key, value, expected))
        if not (index := _index(answer)):
            raise DriverError(refusal(answer))
        return index

    async def get(self, key: bytes) -> int:
        return _index(await self._ask(self._requests.get(key, quorum=self._quorum)))

    async def revision(self) -> int:
        answer = await self._ask(self._requests.get(NOBODY))
        try:
            return store_index(answer.head)
        except ValueError as error:
            raise DriverError(str(error)) from error

    async def clear(self, prefix: bytes) -> None:
        answer = await self._ask(self._requests.delete(prefix))
        if answer.code >= REFUSED and answer.code != NOT_FOUND:
            raise DriverError(refusal(answer))

    async def counters(self) -> dict[str, float]:
        return {}

    async def watch(self, prefix: bytes, heard: Heard) -> None:
        await self._watches.open(prefix, heard)

    async def idle(self, prefix: bytes, count: int, streams: int) -> None:
        for first in range(0, count, OPENING_MAX):
            async with asyncio.TaskGroup() as group:
                for number in range(first, min(first + OPENING_MAX, count)):
                    group.create_task(self.watch(idle_range(prefix, number), _ignored))

    def ended(self) -> list[str]:
        return self._watches.ended

    async def _ask(self, request: bytes) -> Answer:
        free = self._free
        connection = free.pop() if free else await self._another()
        if connection.closed:  # by the server, while it was free: Go's client asks again, too
            self._drop(connection)
            return await self._ask(request)
        try:
            return await connection.ask(request)
        except WireError as error:
            connection.close()
            raise DriverError(str(error)) from error
        except asyncio.CancelledError:
            connection.close()  # an answer is under way that nobody waits for
            raise
        finally:
            self._give_back(connection)

    def _give_back(self, connection: Connection) -> None:
        if connection.closed:
            self._drop(connection)
        elif not self._hand_over(connection):
            self._free.append(connection)

    def _drop(self, connection: Connection) -> None:
        self._begun -= 1
        self._all.remove(connection)
        self._hand_over(None)

    def _hand_over(self, connection: Connection | None) -> bool:
        """Give it, or leave to open one, to whoever waits first; return whether one did."""
        line = self._line
        while line:
            waiting = line.popleft()
            if not waiting.done():
                waiting.set_result(connection)
                return True
        return False

    async def _another(self) -> Connection:
        """Return a connection that is new, or the next one that becomes free."""
        while self._most and self._begun >= self._most:
            waiting: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
            self._line.append(waiting)
            if connection := await waiting:
                return connection
        self._begun += 1
        try:
            return await self._connect()
        except BaseException:
            self._begun -= 1
            self._hand_over(None)
            raise

    async def _connect(self) -> Connection:
        endpoint = next(self._next)
        host, _, port = endpoint.rpartition(":")
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                _, made = await asyncio.get_running_loop().create_connection(
                    Connection, host, int(port)
                )
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or str(error) or "no answer"
            raise DriverError(f"{endpoint}: not connected: {why}") from error
        self._all.append(made)
        return made


def _index(answer: Answer) -> int:
    try:
        return modified_index(answer)
    except ValueError as error:
        raise DriverError(str(error)) from error


def _ignored(_value: bytes) -> None:
    """Nothing is heard by an idle watch."""
