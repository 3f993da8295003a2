"""etcd's v3 protocol by our own frames (``grpc_wire``): a client that is not the limit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import cycle
from typing import Final, Self

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
from bench.storebench.grpc_wire import Connection, Streaming, WireError, header_block
from serialization.api.etcd.kv_pb2 import Event
from serialization.api.etcd.rpc_pb2 import WatchResponse

CONNECT_S_MAX: Final = 10.0


class Etcd3WireDriver:
    """Unary calls of KV, and streams of Watch."""

    def __init__(self, spot: Spot) -> None:
        self._endpoints = endpoints_of(spot.store)
        self._count = max(spot.connections, 1)
        self._all: list[Connection] = []
        self._ended: list[str] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for endpoint, _ in zip(cycle(self._endpoints), range(self._count), strict=False):
            host, _, port = endpoint.rpartition(":")
            try:
                async with asyncio.timeout(CONNECT_S_MAX):
                    _, made = await loop.create_connection(Connection, host, int(port))
            except (OSError, TimeoutError) as error:
                self._close()
                why = getattr(error, "strerror", None) or str(error) or "no answer"
                raise DriverError(f"{endpoint}: not connected: {why}") from error
            self._all.append(made)
        self._connections = cycle(self._all)
        authority = self._endpoints[0]
        self._blocks = {
            path: header_block(authority, path) for path in (PUT, TXN, RANGE, DELETE, WATCH)
        }
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._close()

    def _close(self) -> None:
        for each in self._all:
            each.close()

    async def put(self, key: bytes, value: bytes) -> int:
        return put_revision(await self._call(PUT, put_of(key, value)))

    async def swap(self, key: bytes, value: bytes, expected: int) -> int:
        revision = swap_revision(await self._call(TXN, swap_of(key, value, expected)))
        if not revision:
            raise DriverError(f"{key!r} is not at revision {expected}")
        return revision

    async def get(self, key: bytes) -> int:
        return get_revision(await self._call(RANGE, get_of(key)))

    async def _call(self, path: str, request: bytes) -> bytes:
        try:
            return await next(self._connections).call(self._blocks[path], request)
        except WireError as error:
            raise DriverError(str(error)) from error

    async def watch(self, prefix: bytes, heard: Heard) -> None:
        await self._watch([prefix], heard)

    async def idle(self, prefix: bytes, count: int, streams: int) -> None:
        for first in range(streams):
            spans = [idle_range(prefix, number) for number in range(first, count, streams)]
            await self._watch(spans, lambda _value: None)

    async def revision(self) -> int:
        return any_revision(await self._call(RANGE, get_of(b"/")))

    async def _watch(self, prefixes: Sequence[bytes], heard: Heard) -> None:
        """Open a stream with these watches, one after the other; return once all stand."""
        loop = asyncio.get_running_loop()
        stands: asyncio.Future[None] = loop.create_future()

        def take(body: bytes) -> None:
            answer = WatchResponse.FromString(body)
            if answer.created and not stands.done():
                stands.set_result(None)
            for event in answer.events:
                if event.type == Event.EventType.PUT:
                    heard(event.kv.value)

        def ended(why: str) -> None:
            if stands.done():
                self._ended.append(why)
            else:
                stands.set_exception(DriverError(why))

        connection = next(self._connections)
        requests = [watch_of(prefix).SerializeToString() for prefix in prefixes]
        stream = connection.stream(self._blocks[WATCH], requests[0], Streaming(take, ended))
        await stands
        for request in requests[1:]:
            stands = loop.create_future()
            connection.send(stream, request)
            await stands

    def ended(self) -> list[str]:
        return self._ended

    async def clear(self, prefix: bytes) -> None:
        await self._call(DELETE, delete_of(prefix))

    async def counters(self) -> dict[str, float]:
        return {}
