"""etcd 3: the calls that Kubernetes makes, on one connection; its watches share one stream."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Self

from bench.generations.clients.interface import (
    ClientError,
    Heard,
    OutOfWindowError,
    Traffic,
)
from bench.generations.clients.traffic import total, traffic_of
from bench.storebench.etcd3_requests import (
    PUT,
    RANGE,
    WATCH,
    any_revision,
    get_of,
    get_revision,
    put_of,
    put_revision,
    span_end,
)
from bench.storebench.grpc_wire import (
    END_STREAM,
    PREFIX,
    Connection,
    Streaming,
    WireError,
    header_block,
)
from serialization.api.etcd.kv_pb2 import Event
from serialization.api.etcd.rpc_pb2 import (
    LeaseGrantRequest,
    LeaseGrantResponse,
    LeaseKeepAliveRequest,
    LeaseRevokeRequest,
    LeaseTimeToLiveRequest,
    LeaseTimeToLiveResponse,
    PutRequest,
    RangeRequest,
    RangeResponse,
    WatchCreateRequest,
    WatchRequest,
    WatchResponse,
)

GRANT: Final = "/etcdserverpb.Lease/LeaseGrant"
REVOKE: Final = "/etcdserverpb.Lease/LeaseRevoke"
TIME_TO_LIVE: Final = "/etcdserverpb.Lease/LeaseTimeToLive"
KEEP_ALIVE: Final = "/etcdserverpb.Lease/LeaseKeepAlive"
CONNECT_S_MAX: Final = 10.0
AT_ONCE: Final = 64


class Line(Connection):
    """A connection that can also take large answers, and hang."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """Return what carries it; None once it is gone."""
        return self._transport

    def collect(self, block: bytes, body: bytes) -> asyncio.Future[list[bytes]]:
        """Make a unary call whose answer may be large: it is left in pieces."""
        collected = _Collected(self._loop.create_future())
        self._begin(block, body, collected, END_STREAM)
        return collected.future


class _Collected:
    """One call, one large answer."""

    def __init__(self, future: asyncio.Future[list[bytes]]) -> None:
        self.future = future
        self._pieces: list[bytes] = []

    def take(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def end(self, why: str) -> None:
        if self.future.done():
            return
        if why or not self._pieces:
            self.future.set_exception(WireError(why or "refused by the server"))
        else:
            self.future.set_result(self._pieces)


class Etcd3Client:
    """One connection for calls; watches get one of their own, and leases a stream."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._all: list[Line] = []
        self._watching: Line | None = None
        self._stream = 0
        self._stands: asyncio.Future[None] | None = None
        self._leases: list[int] = []
        self._alive: _KeepAlives | None = None
        self._heard: Heard | None = None
        self.ended = ""
        paths = (PUT, RANGE, WATCH, GRANT, REVOKE, TIME_TO_LIVE, KEEP_ALIVE)
        self._blocks = {path: header_block(address, path) for path in paths}

    async def __aenter__(self) -> Self:
        self._line = await self._connect()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for each in self._all:
            each.close()
        await asyncio.sleep(0)  # in which the loop closes their sockets

    async def put(self, key: str, value: bytes) -> int:
        return put_revision(await self._call(PUT, put_of(key.encode(), value)))

    async def get(self, key: str) -> int:
        return get_revision(await self._call(RANGE, get_of(key.encode())))

    async def read(self, key: str) -> int:
        return await self.get(key)

    async def everything(self, directory: str) -> list[bytes]:
        prefix = f"{directory}/".encode()
        request = RangeRequest(key=prefix, range_end=span_end(prefix)).SerializeToString()
        try:
            return await self._line.collect(self._blocks[RANGE], request)
        except WireError as error:
            raise ClientError(str(error)) from error

    def count(self, answer: list[bytes]) -> int:
        return len(RangeResponse.FromString(b"".join(answer)[PREFIX.size :]).kvs)

    async def watch(self, directory: str, heard: Heard) -> None:
        await self._watch(directory, heard, 0)

    async def watches(self, directories: Sequence[str], heard: Heard) -> None:
        for each in directories:
            await self._watch(each, heard, 0)

    async def recall(self, directory: str, since: int) -> None:
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def heard(index: int, _value: object) -> None:
            if not told.done():
                told.set_result(index)

        apart = Etcd3Client(self._address)
        async with apart:
            await apart._watch(directory, heard, since)
            found = await told
        if found != since:
            raise ClientError(f"a watch from {since} was told of {found}")

    def pause(self) -> None:
        if self._watching is not None and self._watching.transport is not None:
            self._watching.transport.pause_reading()

    def resume(self) -> None:
        if self._watching is not None and self._watching.transport is not None:
            self._watching.transport.resume_reading()

    async def hold(self, keys: Sequence[str], value: bytes, ttl_s: int, *, apart: bool) -> None:
        grants = (self._grant(ttl_s) for _ in (keys if apart else keys[:1]))
        self._leases = list(await asyncio.gather(*grants))
        left = iter(enumerate(keys))

        async def putter() -> None:
            for number, key in left:
                lease = self._leases[number % len(self._leases)]
                request = PutRequest(key=key.encode(), value=value, lease=lease)
                await self._call(PUT, request.SerializeToString())

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(putter())

    async def refresh(self) -> int:
        if self._alive is None:
            self._alive = _KeepAlives(self._line, self._blocks[KEEP_ALIVE])
        try:
            await self._alive.ask(self._leases)
        except WireError as error:
            raise ClientError(str(error)) from error
        return len(self._leases)

    async def left_s(self) -> float:
        ask = LeaseTimeToLiveRequest(ID=self._leases[0]).SerializeToString()
        return LeaseTimeToLiveResponse.FromString(await self._call(TIME_TO_LIVE, ask)).TTL

    async def release(self) -> None:
        asks = (LeaseRevokeRequest(ID=lease).SerializeToString() for lease in self._leases)
        await asyncio.gather(*(self._call(REVOKE, ask) for ask in asks))

    async def index(self) -> int:
        return any_revision(await self._call(RANGE, get_of(b"/")))

    def traffic(self) -> Traffic:
        return total([traffic_of(each.transport) for each in self._all if each.transport])

    async def _grant(self, ttl_s: int) -> int:
        answer = await self._call(GRANT, LeaseGrantRequest(TTL=ttl_s).SerializeToString())
        return LeaseGrantResponse.FromString(answer).ID

    async def _call(self, path: str, request: bytes) -> bytes:
        try:
            return await self._line.call(self._blocks[path], request)
        except WireError as error:
            raise ClientError(str(error)) from error

    async def _connect(self) -> Line:
        host, _, port = self._address.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                _, made = await loop.create_connection(Line, host, int(port))
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or str(error) or "no answer"
            raise ClientError(f"{self._address}: not connected: {why}") from error
        self._all.append(made)
        return made

    async def _watch(self, directory: str, heard: Heard, since: int) -> None:
        """Put one more watch on the stream; all of a client's watches tell the same listener."""
        prefix = f"{directory}/".encode()
        create = WatchCreateRequest(key=prefix, range_end=span_end(prefix), start_revision=since)
        request = WatchRequest(create_request=create).SerializeToString()
        self._heard = heard
        self._stands = asyncio.get_running_loop().create_future()
        if self._watching is None:
            self._watching = await self._connect()
            receiving = Streaming(self._take, self._lost)
            self._stream = self._watching.stream(self._blocks[WATCH], request, receiving)
        else:
            self._watching.send(self._stream, request)
        await self._stands

    def _take(self, body: bytes) -> None:
        answer = WatchResponse.FromString(body)
        if answer.created and self._stands is not None and not self._stands.done():
            self._stands.set_result(None)
        if answer.compact_revision:
            self._lost(f"compacted at {answer.compact_revision}")
        if self._heard is not None:
            for event in answer.events:
                if event.type == Event.EventType.PUT:
                    self._heard(event.kv.mod_revision, event.kv.value)

    def _lost(self, why: str) -> None:
        self.ended = why
        if self._stands is not None and not self._stands.done():
            wrong = OutOfWindowError(why) if "compacted" in why else ClientError(why)
            self._stands.set_exception(wrong)


class _KeepAlives:
    """The stream on which leases are kept alive."""

    def __init__(self, line: Line, block: bytes) -> None:
        self._line = line
        self._block = block
        self._stream = 0
        self._due = 0
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def ask(self, leases: Sequence[int]) -> None:
        """Keep leases alive; return when all have been answered. Raises WireError."""
        self._due = len(leases)
        self._done = asyncio.get_running_loop().create_future()
        for each in leases:
            request = LeaseKeepAliveRequest(ID=each).SerializeToString()
            if self._stream:
                self._line.send(self._stream, request)
            else:
                receiving = Streaming(self._answered, self._lost)
                self._stream = self._line.stream(self._block, request, receiving)
        await self._done

    def _answered(self, _body: bytes) -> None:
        self._due -= 1
        if not self._due and not self._done.done():
            self._done.set_result(None)

    def _lost(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(WireError(why))
