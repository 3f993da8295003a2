"""Methods that answer, fail or wait, and sessions with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Never

import grpc

from storage.http2 import frames
from storage.serve.http2.calls import Call
from storage.serve.http2.methods import Method
from tests.storage.serve.http2.client import Client, Frame, streaming, unary


async def _reverse(request: bytes, _call: Call) -> bytes:
    return request[::-1]


async def _large(_request: bytes, _call: Call) -> bytes:
    return b"x" * 100_000


async def _refuse(_request: bytes, call: Call) -> Never:
    await call.abort(grpc.StatusCode.OUT_OF_RANGE, "50 % of Zürich\n")


async def _break(_request: bytes, _call: Call) -> bytes:
    raise ZeroDivisionError("a fault")


async def _never(_request: bytes, _call: Call) -> bytes:
    await asyncio.get_running_loop().create_future()
    return b""


async def _echo(requests: AsyncIterator[bytes], call: Call) -> None:
    async for request in requests:
        await call.write(request)


async def _ignore(_requests: AsyncIterator[bytes], _call: Call) -> None:
    await asyncio.get_running_loop().create_future()


async def _early(_requests: AsyncIterator[bytes], call: Call) -> None:
    await call.abort(grpc.StatusCode.UNAVAILABLE)


async def _count(request: bytes, _call: Call) -> AsyncIterator[bytes]:
    for number in range(int(request)):
        yield b"%d" % number


METHODS: dict[str, Method] = {
    "/reverse": unary(_reverse),
    "/large": unary(_large),
    "/refuse": unary(_refuse),
    "/break": unary(_break),
    "/never": unary(_never),
    "/echo": streaming(_echo),
    "/ignore": streaming(_ignore),
    "/early": streaming(_early),
    "/count": unary(_count)._replace(answers_stream=True),
}


def within(session: Callable[[Client], Awaitable[None]]) -> Client:
    """Run a session with a client whose preface has been taken; return it."""

    async def run() -> Client:
        client = Client(METHODS)
        client.greet()
        await session(client)
        client.connection.abort()
        client.connection.connection_lost(None)
        if client.host.cancelled:
            await asyncio.wait(client.host.cancelled)
        client.host.cancelled.clear()
        return client

    return asyncio.run(run())


def status_of(client: Client, got: list[Frame]) -> tuple[bytes, bytes]:
    """Return the code and the message that a call ended with."""
    last = [frame for frame in got if frame.kind == frames.HEADERS][-1]
    assert last.flags & frames.END_STREAM
    fields = client.fields(last)
    return fields[b"grpc-status"], fields.get(b"grpc-message", b"")


def body_of(got: list[Frame]) -> bytes:
    return b"".join(frame.payload for frame in got if frame.kind == frames.DATA)
