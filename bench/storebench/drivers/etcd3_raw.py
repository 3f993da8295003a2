"""etcd's v3 protocol by grpc.aio and nothing above it: the same client for every server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import cycle
from typing import Final, Self

import grpc
import grpc.aio

from bench.storebench.drivers.interface import DriverError, Heard, Spot, idle_range
from bench.storebench.endpoints import endpoints_of
from bench.storebench.etcd3_requests import (
    DELETE,
    PUT,
    RANGE,
    TXN,
    WATCH,
    any_revision,
    delete_of,
    get_of,
    get_revision,
    put_of,
    put_revision,
    swap_of,
    swap_revision,
    watch_of,
)
from serialization.api.etcd.kv_pb2 import Event
from serialization.api.etcd.rpc_pb2 import WatchRequest, WatchResponse

OPTIONS: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 64 << 20),
)
CONNECT_S_MAX: Final = 10.0
Unary = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


class Etcd3RawDriver:
    """Unary calls of KV, and streams of Watch."""

    def __init__(self, spot: Spot) -> None:
        self._endpoints = endpoints_of(spot.store)
        self._connections = max(spot.connections, 1)
        self._open = AsyncExitStack()
        self._ended: list[str] = []

    async def __aenter__(self) -> Self:
        channels = [
            grpc.aio.insecure_channel(endpoint, OPTIONS)
            for endpoint, _ in zip(cycle(self._endpoints), range(self._connections), strict=False)
        ]
        for channel in channels:
            self._open.push_async_callback(channel.close)
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                for channel in channels:
                    await channel.channel_ready()
        except TimeoutError:
            await self._open.aclose()
            where = ", ".join(self._endpoints)
            raise DriverError(f"{where}: not connected in {CONNECT_S_MAX:g} s") from None
        self._watching = await self._open.enter_async_context(asyncio.TaskGroup())
        self._open.callback(self._end_watches)
        self._watches: list[asyncio.Task[None]] = []
        self._channels = cycle(channels)
        self._put: cycle[Unary] = cycle([c.unary_unary(PUT) for c in channels])
        self._txn: cycle[Unary] = cycle([c.unary_unary(TXN) for c in channels])
        self._range: cycle[Unary] = cycle([c.unary_unary(RANGE) for c in channels])
        self._delete: Unary = channels[0].unary_unary(DELETE)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._open.aclose()

    def _end_watches(self) -> None:
        for each in self._watches:
            each.cancel()

    async def put(self, key: bytes, value: bytes) -> int:
        try:
            return put_revision(await next(self._put)(put_of(key, value)))
        except grpc.aio.AioRpcError as error:
            raise DriverError(told(error)) from error

    async def swap(self, key: bytes, value: bytes, expected: int) -> int:
        try:
            revision = swap_revision(await next(self._txn)(swap_of(key, value, expected)))
        except grpc.aio.AioRpcError as error:
            raise DriverError(told(error)) from error
        if not revision:
            raise DriverError(f"{key!r} is not at revision {expected}")
        return revision

    async def get(self, key: bytes) -> int:
        try:
            return get_revision(await next(self._range)(get_of(key)))
        except grpc.aio.AioRpcError as error:
            raise DriverError(told(error)) from error

    async def watch(self, prefix: bytes, heard: Heard) -> None:
        await self._watching_of([prefix], heard)

    async def idle(self, prefix: bytes, count: int, streams: int) -> None:
        for first in range(streams):
            spans = [idle_range(prefix, number) for number in range(first, count, streams)]
            await self._watching_of(spans, lambda _value: None)

    async def revision(self) -> int:
        try:
            return any_revision(await next(self._range)(get_of(b"/")))
        except grpc.aio.AioRpcError as error:
            raise DriverError(told(error)) from error

    async def _watching_of(self, prefixes: Sequence[bytes], heard: Heard) -> None:
        """Open a stream with these watches; return once all stand."""
        stands: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = self._watching.create_task(self._watch(prefixes, heard, stands))
        self._watches.append(task)
        await stands

    async def _watch(
        self, prefixes: Sequence[bytes], heard: Heard, stands: asyncio.Future[None]
    ) -> None:
        missing = len(prefixes)
        try:
            call = watch_stream(next(self._channels))(_asking(prefixes))
            async for answer in call:
                missing -= answer.created
                if not missing and not stands.done():
                    stands.set_result(None)
                for event in answer.events:
                    if event.type == Event.EventType.PUT:
                        heard(event.kv.value)
            why = "the server ended the stream"
        except grpc.aio.AioRpcError as error:
            why = told(error)
        if stands.done():
            self._ended.append(why)
        else:
            stands.set_exception(DriverError(why))

    def ended(self) -> list[str]:
        return self._ended

    async def clear(self, prefix: bytes) -> None:
        try:
            await self._delete(delete_of(prefix))
        except grpc.aio.AioRpcError as error:
            raise DriverError(told(error)) from error

    async def counters(self) -> dict[str, float]:
        return {}


def watch_stream(
    channel: grpc.aio.Channel,
) -> grpc.aio.StreamStreamMultiCallable[WatchRequest, WatchResponse]:
    """Return the call of Watch."""
    return channel.stream_stream(
        WATCH,
        request_serializer=WatchRequest.SerializeToString,
        response_deserializer=WatchResponse.FromString,
    )


async def _asking(prefixes: Sequence[bytes]) -> AsyncIterator[WatchRequest]:
    for prefix in prefixes:
        yield watch_of(prefix)
    await asyncio.get_running_loop().create_future()  # the stream stays open


def told(error: grpc.aio.AioRpcError) -> str:
    """Return what a failed call said, in a line."""
    return f"{error.code().name}: {' '.join((error.details() or '').splitlines()[:1])}"
