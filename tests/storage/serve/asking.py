"""Requests of the KV service, and tests with a server of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from grpc import aio

from serialization.api.etcd.rpc_pb2 import PutRequest, RangeRequest, RequestOp
from storage.serve.etcd3.limits import Limits
from tests.storage.serve.served import Served, served

Test = Callable[[Served], Awaitable[None]]


def within(test: Test, limits: Limits | None = None) -> None:
    """Run a test with a server of its own."""

    async def run() -> None:
        async with served(limits=limits) as server:
            await test(server)

    asyncio.run(run())


def put(key: bytes, **more: object) -> RequestOp:
    return RequestOp(request_put=PutRequest(key=key, **more))  # type: ignore[arg-type]  # fields


def read(key: bytes, **more: object) -> RequestOp:
    return RequestOp(request_range=RangeRequest(key=key, **more))  # type: ignore[arg-type]  # fields


def raw(channel: aio.Channel, path: str) -> aio.UnaryUnaryMultiCallable[bytes, bytes]:
    """Return a method that takes and answers bytes."""
    method: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    return method
