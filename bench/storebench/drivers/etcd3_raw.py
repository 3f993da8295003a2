"""etcd's v3 protocol by grpc.aio and nothing above it: the same client for every server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import cycle
from typing import Final, Self

import grpc
import grpc.aio

from bench.storebench.drivers.interface import DriverError, Heard, Spot
from bench.storebench.endpoints import endpoints_of
from serialization.api.etcd.kv_pb2 import Event
from serialization.api.etcd.rpc_pb2 import (
    Compare,
    DeleteRangeRequest,
    PutRequest,
    PutResponse,
    RangeRequest,
    RangeResponse,
    RequestOp,
    TxnRequest,
    TxnResponse,
    WatchCreateRequest,
    WatchRequest,
    WatchResponse,
)

OPTIONS: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 64 << 20),
)
CONNECT_S_MAX: Final = 10.0


def span_end(prefix: bytes) -> bytes:
    """Return the end of the range that holds every key under a prefix without a trailing 0xff."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))


class Etcd3RawDriver:
    """Unary calls of KV, and streams of Watch."""

    def __init__(self, spot: Spot) -> None:
        self._endpoints = endpoints_of(spot.store)
        self._connections = spot.connections
        self._open = AsyncExitStack()

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
        self._put = cycle([c.unary_unary("/etcdserverpb.KV/Put") for c in channels])
        self._txn = cycle([c.unary_unary("/etcdserverpb.KV/Txn") for c in channels])
        self._range = cycle([c.unary_unary("/etcdserverpb.KV/Range") for c in channels])
        self._delete = channels[0].unary_unary("/etcdserverpb.KV/DeleteRange")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._open.aclose()

    def _end_watches(self) -> None:
        for each in self._watches:
            each.cancel()

    async def put(self, key: bytes, value: bytes) -> int:
        request = PutRequest(key=key, value=value).SerializeToString()
        try:
            answer = await next(self._put)(request)
        except grpc.aio.AioRpcError as error:
            raise DriverError(told(error)) from error
        return PutResponse.FromString(answer).header.revision

    async def swap(self, key: bytes, value: bytes, expected: int) -> int:
        request = TxnRequest(
            compare=[
                Compare(target=Compare.CompareTarget.MOD, key=key, mod_revision=expected),
            ],
            success=[RequestOp(request_put=PutRequest(key=key, value=value))],
            failure=[RequestOp(request_range=RangeRequest(key=key))],
        ).SerializeToString()
        try:
            done = TxnResponse.FromString(await next(self._txn)(request))
        except grpc.aio.AioRpcError as error:
            raise DriverError(told(error)) from error
        if not done.succeeded:
            raise DriverError(f"{key!r} is not at revision {expected}")
        return done.header.revision

    async def get(self, key: bytes) -> int:
        request = RangeRequest(key=key, limit=1).SerializeToString()
        try:
            answer = await next(self._range)(request)
        except grpc.aio.AioRpcError as error:
            raise DriverError(told(error)) from error
        found = RangeResponse.FromString(answer).kvs
        return found[0].mod_revision if found else 0

    async def watch(self, prefix: bytes, heard: Heard) -> None:
        stands: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = self._watching.create_task(self._watch(prefix, heard, stands))
        self._watches.append(task)
        await stands

    async def _watch(self, prefix: bytes, heard: Heard, stands: asyncio.Future[None]) -> None:
        try:
            call = watch_stream(next(self._channels))(_asking(prefix))
            async for answer in call:
                if answer.created and not stands.done():
                    stands.set_result(None)
                for event in answer.events:
                    if event.type == Event.EventType.PUT:
                        heard(event.kv.value)
        except grpc.aio.AioRpcError as error:
            if not stands.done():
                stands.set_exception(DriverError(told(error)))

    async def clear(self, prefix: bytes) -> None:
        request = DeleteRangeRequest(key=prefix, range_end=span_end(prefix))
        try:
            await self._delete(request.SerializeToString())
        except grpc.aio.AioRpcError as error:
            raise DriverError(told(error)) from error

    async def counters(self) -> dict[str, float]:
        return {}


def watch_stream(
    channel: grpc.aio.Channel,
) -> grpc.aio.StreamStreamMultiCallable[WatchRequest, WatchResponse]:
    """Return the call of Watch."""
    return channel.stream_stream(
        "/etcdserverpb.Watch/Watch",
        request_serializer=WatchRequest.SerializeToString,
        response_deserializer=WatchResponse.FromString,
    )


async def _asking(prefix: bytes) -> AsyncIterator[WatchRequest]:
    create = WatchCreateRequest(key=prefix, range_end=span_end(prefix))
    yield WatchRequest(create_request=create)
    await asyncio.get_running_loop().create_future()  # the stream stays open


def told(error: grpc.aio.AioRpcError) -> str:
    """Return what a failed call said, in a line."""
    return f"{error.code().name}: {(error.details() or '').splitlines()[:1]}"
