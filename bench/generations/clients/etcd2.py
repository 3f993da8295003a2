"""etcd 2: ``/v2/keys`` as Kubernetes 1.x asked it; a watch is a connection of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Self
from urllib.parse import quote_plus

import msgspec

from bench.generations.clients.http import Answer, Connection, connect
from bench.generations.clients.interface import (
    ClientError,
    Heard,
    OutOfWindowError,
    Traffic,
)
from bench.generations.clients.traffic import total, traffic_of

ROOT: Final = "/v2/keys"
OUTDATED: Final = 401
AT_ONCE: Final = 64
"""Keep-alives under way at a time."""
WATCHES_AT_ONCE: Final = 32
"""Connections that are opened at a time."""


class Told(msgspec.Struct):
    """A node, as far as it is read here."""

    modifiedIndex: int = 0  # noqa: N815  etcd's name
    value: str = ""
    ttl: int = 0


class Change(msgspec.Struct):
    """An answer, or a watch's event, or a refusal."""

    node: Told | None = None
    errorCode: int = 0  # noqa: N815  etcd's name
    message: str = ""
    cause: str = ""


CHANGES: Final = msgspec.json.Decoder(Change)


class Etcd2Client:
    """``polling``: a watch asks again after every event, as Kubernetes did; else it is a stream."""

    def __init__(self, address: str, *, connections: int = 1, polling: bool = False) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._address = address
        self._count = connections
        self._polling = polling
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection]] = deque()
        self._all: list[Connection] = []
        self._watching: list[Connection] = []
        self._held: list[bytes] = []
        self._keys: Sequence[str] = ()
        self.ended = ""

    async def __aenter__(self) -> Self:
        for _ in range(self._count):
            made = await connect(self._host, self._port)
            self._all.append(made)
            self._idle.append(made)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for each in self._all:
            each.close()
        await asyncio.sleep(0)  # in which the loop closes their sockets

    async def put(self, key: str, value: bytes) -> int:
        return _modified(await self._ask(self._put(key, f"value={quote_plus(value)}")))

    async def get(self, key: str) -> int:
        answer = await self._ask(self._get(key))
        return 0 if answer.code == 404 else _modified(answer)

    async def read(self, key: str) -> int:
        answer = await self._ask(self._get(key, "quorum=true"))
        return 0 if answer.code == 404 else _modified(answer)

    async def everything(self, directory: str) -> list[bytes]:
        answer = await self._ask(self._get(directory, "recursive=true&sorted=true"))
        _check(answer)
        return answer.pieces

    def count(self, answer: list[bytes]) -> int:
        body = b"".join(answer)
        # Directories have one, too; in a value, which is a string of JSON, quotes are escaped.
        return body.count(b'"modifiedIndex":') - body.count(b'"dir":')

    async def watch(self, directory: str, heard: Heard) -> None:
        connection = await connect(self._host, self._port)
        self._all.append(connection)
        self._watching.append(connection)
        if self._polling:
            _Poller(self, connection, directory, heard).begin(await self.index())
        else:
            request = self._get(directory, "wait=true&recursive=true&stream=true")
            _check(await connection.follow(request, _hearing(heard), self.lost))

    async def watches(self, directories: Sequence[str], heard: Heard) -> None:
        left = iter(directories)

        async def opener() -> None:
            for each in left:
                await self.watch(each, heard)

        async with asyncio.TaskGroup() as group:
            for _ in range(WATCHES_AT_ONCE):
                group.create_task(opener())

    async def recall(self, directory: str, since: int) -> None:
        found = _modified(await self._ask(self.wait(directory, since)))
        if found != since:
            raise ClientError(f"a watch from {since} was told of {found}")

    def pause(self) -> None:
        for each in self._watching:
            each.pause()

    def resume(self) -> None:
        for each in self._watching:
            each.resume()

    async def hold(self, keys: Sequence[str], value: bytes, ttl_s: int, *, apart: bool) -> None:
        del apart  # there is no other way
        text = quote_plus(value)
        await self._each([self._put(key, f"value={text}&ttl={ttl_s}") for key in keys])
        kept = f"ttl={ttl_s}&refresh=true&prevExist=true"
        self._held = [self._put(key, kept) for key in keys]
        self._keys = keys

    async def refresh(self) -> int:
        await self._each(self._held)
        return len(self._held)

    async def left_s(self) -> float:
        node = _change(await self._ask(self._get(self._keys[0]))).node
        return 0.0 if node is None else float(node.ttl)

    async def release(self) -> None:
        await self._each([self._delete(key) for key in self._keys])

    async def index(self) -> int:
        return (await self._ask(self._get("/"))).index

    def traffic(self) -> Traffic:
        return total([traffic_of(each.transport) for each in self._all if each.transport])

    def lost(self, why: str) -> None:
        """Take note that a watch has ended."""
        self.ended = why

    async def _each(self, requests: Sequence[bytes]) -> None:
        left = iter(requests)

        async def asker() -> None:
            for each in left:
                _check(await self._ask(each))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(asker())

    async def _ask(self, request: bytes) -> Answer:
        """Ask on a connection that is free (hot path)."""
        if self._idle:
            connection = self._idle.pop()
        else:
            turn: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            connection = await turn
        try:
            return await connection.ask(request)
        finally:
            if self._waiting:
                self._waiting.popleft().set_result(connection)
            else:
                self._idle.append(connection)

    def _put(self, key: str, form: str) -> bytes:
        return (
            f"PUT {ROOT}{key} HTTP/1.1\r\nHost: {self._address}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(form)}\r\n\r\n{form}"
        ).encode()

    def _delete(self, key: str) -> bytes:
        return f"DELETE {ROOT}{key} HTTP/1.1\r\nHost: {self._address}\r\n\r\n".encode()

    def _get(self, key: str, query: str = "") -> bytes:
        target = f"{key}?{query}" if query else key
        return f"GET {ROOT}{target} HTTP/1.1\r\nHost: {self._address}\r\n\r\n".encode()

    def wait(self, directory: str, since: int) -> bytes:
        """Return a long poll for what happened at ``since`` or happens then."""
        return self._get(directory, f"wait=true&recursive=true&waitIndex={since}")


class _Poller:
    """A watch by long polls: one event an answer, then the next question."""

    def __init__(
        self, client: Etcd2Client, connection: Connection, directory: str, heard: Heard
    ) -> None:
        self._client = client
        self._connection = connection
        self._directory = directory
        self._heard = heard

    def begin(self, index: int) -> None:
        """Ask for what comes after an index."""
        request = self._client.wait(self._directory, index + 1)
        self._connection.ask(request).add_done_callback(self._answered)

    def _answered(self, future: asyncio.Future[Answer]) -> None:
        if future.cancelled():
            return
        try:
            change = _change(future.result())
        except ClientError as error:
            self._client.lost(str(error))
            return
        if change.node is None:
            self._client.lost("a watch was told nothing")
            return
        self._heard(change.node.modifiedIndex, change.node.value)
        self.begin(change.node.modifiedIndex)


def _hearing(heard: Heard) -> Callable[[bytes], None]:
    def line(text: bytes) -> None:
        if text and (node := CHANGES.decode(text).node) is not None:
            heard(node.modifiedIndex, node.value)

    return line


def _change(answer: Answer) -> Change:
    change = CHANGES.decode(answer.body)
    if change.errorCode == OUTDATED:
        raise OutOfWindowError(f"{change.message} ({change.cause})")
    if change.errorCode:
        raise ClientError(f"{change.errorCode}: {change.message} ({change.cause})")
    return change


def _modified(answer: Answer) -> int:
    node = _change(answer).node
    return node.modifiedIndex if node is not None else 0


def _check(answer: Answer) -> None:
    if answer.code >= 400:
        _change(answer)
        raise ClientError(f"HTTP {answer.code}")
