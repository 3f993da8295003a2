"""A served engine in the test's own process, and a client that speaks plain messages to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import grpc
from google.protobuf.message import Message
from grpc import aio

from serialization.api.etcd.rpc_pb2 import (
    PutRequest,
    PutResponse,
    WatchCreateRequest,
    WatchRequest,
    WatchResponse,
)
from storage.clock import SystemClock
from storage.mvcc import Mvcc
from storage.registry import STORES, StoreOptions
from storage.serve.etcd3.limits import Limits
from storage.serve.etcd3.server import Address, listening
from storage.serve.etcd3.serving import Serving

A = TypeVar("A", bound=Message)

PATIENCE_S = 20.0
"""Nothing takes so long; what does has failed."""


@dataclass(frozen=True)
class Served:
    """A server and a channel to it."""

    store: Mvcc
    serving: Serving
    target: str
    channel: aio.Channel

    async def call(self, method: str, request: Message, answer: type[A]) -> A:
        """Call ``Service/Method``. Raises grpc.aio.AioRpcError."""
        return await call(self.channel, method, request, answer)

    async def put(self, key: bytes, value: bytes = b"v", lease: int = 0) -> int:
        """Put a key; return the revision."""
        request = PutRequest(key=key, value=value, lease=lease)
        return (await self.call("KV/Put", request, PutResponse)).header.revision

    def watch(self) -> WatchCall:
        """Open a stream of watches."""
        return WatchCall(self.channel)


async def call(channel: aio.Channel, method: str, request: Message, answer: type[A]) -> A:
    """Call ``Service/Method`` of an etcd. Raises grpc.aio.AioRpcError."""
    invoke = channel.unary_unary(
        f"/etcdserverpb.{method}",
        request_serializer=_serialized,
        response_deserializer=answer.FromString,
    )
    async with asyncio.timeout(PATIENCE_S):
        return await invoke(request)


class WatchCall:
    """A stream of watches, read by hand."""

    def __init__(self, channel: aio.Channel) -> None:
        self._call = channel.stream_stream(
            "/etcdserverpb.Watch/Watch",
            request_serializer=_serialized,
            response_deserializer=WatchResponse.FromString,
        )()

    async def send(self, **request: Message) -> None:
        """Send a request, named by its field of the union."""
        await self._call.write(WatchRequest(**request))  # type: ignore[arg-type]  # by its name

    async def create(self, request: WatchCreateRequest) -> WatchResponse:
        """Ask for a watch; return the answer, which must be the next."""
        await self.send(create_request=request)
        return await self.read()

    async def read(self, *, patience_s: float | None = PATIENCE_S) -> WatchResponse:
        """Return the next response; raises TimeoutError."""
        async with asyncio.timeout(patience_s):
            return cast("WatchResponse", await self._call.read())

    async def half_close(self) -> None:
        """Say that no more requests come."""
        await self._call.done_writing()

    async def end(self) -> None:
        """Cancel the call and wait until it has ended."""
        self._call.cancel()
        await asyncio.wait([asyncio.ensure_future(self._ended())])

    async def _ended(self) -> None:
        try:
            await self._call.code()
        except asyncio.CancelledError:
            return


@asynccontextmanager
async def served(
    data_dir: Path | None = None,
    *,
    limits: Limits | None = None,
    watch_progress_s: float = 600.0,
    store: Mvcc | None = None,
) -> AsyncIterator[Served]:
    """Serve an engine on a free port of loopback: in memory, in a directory, or the one given."""
    if store is None:
        options = StoreOptions(data_dir=data_dir)
        store = cast("Mvcc", STORES["memory" if data_dir is None else "etcd3"].make(options))
    limits = limits or Limits()
    async with store, listening(Address("127.0.0.1:0"), limits.request_bytes) as listener:
        serving = Serving(
            store,
            SystemClock(),
            client_urls=(listener.url,),
            limits=limits,
            watch_progress_s=watch_progress_s,
        )
        await listener.serve(serving)
        async with aio.insecure_channel(listener.target) as channel:
            yield Served(store, serving, listener.target, channel)


async def refusal(awaited: object) -> tuple[grpc.StatusCode, str]:
    """Return how a call was refused."""
    try:
        await awaited  # type: ignore[misc]  # a coroutine of any answer
    except aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError("it was answered")


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()
