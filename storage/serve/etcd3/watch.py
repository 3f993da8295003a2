"""The Watch service: streams of watches over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Protocol

import grpc

from serialization.api.etcd.rpc_pb2 import WatchRequest
from storage.serve.etcd3.serving import RAFT_TERM, Serving
from storage.serve.etcd3.watch_events import EventEncoder, Responses, Told
from storage.serve.etcd3.watch_streams import StreamLimits, WatchStream

SERVICE: Final = "etcdserverpb.Watch"


class WriteContext(Protocol):
    """What a stream needs to know of its call."""

    async def write(self, message: bytes) -> None:
        """Send a message; returns when the transport has taken it, so no faster than it is read."""
        ...


def service(serving: Serving) -> grpc.GenericRpcHandler:
    """Return the service over an engine."""
    watches = Watches(serving)
    method: grpc.RpcMethodHandler[WatchRequest, bytes] = grpc.stream_stream_rpc_method_handler(
        watches.watch, request_deserializer=WatchRequest.FromString
    )
    return grpc.method_handlers_generic_handler(SERVICE, {"Watch": method})


class Watches:
    """All watch streams of a server; they share what they encode."""

    def __init__(self, serving: Serving, *, limits: StreamLimits | None = None) -> None:
        self._store = serving.store
        self._limits = limits or StreamLimits()
        self._notify_s = serving.watch_progress_s
        self._encoder = EventEncoder()
        self._responses = Responses(Told(serving.cluster_id, serving.member_id, RAFT_TERM))
        self._streams: dict[WatchStream, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def watch(self, requests: AsyncIterator[WatchRequest], context: WriteContext) -> None:
        """Serve a stream until its call ends; a client may close its own half before that."""
        wake, room = asyncio.Event(), asyncio.Event()
        stream = WatchStream(
            self._store, self._encoder, self._responses, limits=self._limits, wake=wake.set
        )
        self._join(stream)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_read(stream, requests, room))
                await _write(stream, context, wake, room)
        finally:
            stream.close()
            self._leave(stream)

    def _join(self, stream: WatchStream) -> None:
        self._streams[stream] = None
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._notify_s, self._notify)

    def _leave(self, stream: WatchStream) -> None:
        del self._streams[stream]
        if not self._streams and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _notify(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._notify_s, self._notify)
        for stream in self._streams:
            stream.notify()


async def _read(
    stream: WatchStream, requests: AsyncIterator[WatchRequest], room: asyncio.Event
) -> None:
    """Take requests while there is room for what they bring."""
    async for request in requests:
        stream.take(request)
        while stream.full:
            room.clear()
            await room.wait()


async def _write(
    stream: WatchStream, context: WriteContext, wake: asyncio.Event, room: asyncio.Event
) -> None:
    """Write responses for as long as the call lasts."""
    while True:
        response = stream.next()
        if response is None:
            wake.clear()
            await wake.wait()
            continue
        if not stream.full:
            room.set()
        await context.write(response)
