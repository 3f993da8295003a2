"""The exchange without sockets: applications that answer, stream, fail, stall and hold back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cluster.client.asgi import Application, RequestEvent, Scope, SendEvent
from cluster.client.exchange import NotSentError, Request, RequestTimeoutError
from cluster.client.inprocess import InProcessExchange
from cluster.client.interface import TransportError
from cluster.client.streams import STREAM_BUFFER_BYTES_MAX
from storage.clock import SystemClock

Receive = Callable[[], Awaitable[RequestEvent]]
Send = Callable[[SendEvent], Awaitable[None]]

PUT = Request("PUT", "/a%2Fb?x=%20", b"Accept: y\r\n", b"body")


def exchange(application: Application) -> InProcessExchange:
    return InProcessExchange(application, SystemClock())


async def start(send: Send, code: int = 200) -> None:
    headers = [(b"Content-Type", b"text/plain"), (b"retry-after", b"4")]
    await send({"type": "http.response.start", "status": code, "headers": headers})


async def body(send: Send, octets: bytes, *, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": octets, "more_body": more})


async def never(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    assert (await receive())["type"] == "http.disconnect"


def test_request_is_handed_over_and_answered() -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        assert (scope["method"], scope["path"], scope["query_string"]) == ("PUT", "/a/b", b"x=%20")
        assert scope["headers"] == [(b"accept", b"y")]
        octets = (await receive())["body"]
        await start(send, 201)
        await body(send, octets, more=True)
        await body(send, b"!")

    async def scenario() -> None:
        async with exchange(echo) as it:
            response = await it.request(PUT, timeout_s=5)
            assert (response.code, response.body) == (201, b"body!")
            assert (response.content_type, response.retry_after_s) == ("text/plain", 4)

    asyncio.run(scenario())


def test_application_that_fails_or_says_nothing_is_a_transport_error() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("a defect of the test's")

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        return

    async def scenario() -> None:
        for application in (fail, silent):
            async with exchange(application) as it:
                with pytest.raises(TransportError):
                    await it.request(PUT, timeout_s=5)

    asyncio.run(scenario())


def test_deadline_tells_the_application_that_the_client_left() -> None:
    async def scenario() -> None:
        async with exchange(never) as it:
            with pytest.raises(RequestTimeoutError):
                await it.request(PUT, timeout_s=0.005)

    asyncio.run(scenario())  # which ends only because ``never`` was told


def test_cancelled_request_does_not_stop_what_was_begun() -> None:
    finished = []

    async def scenario() -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            begun.set()
            await go.wait()
            finished.append(scope["path"])

        async with exchange(slow) as it:
            asking = asyncio.ensure_future(it.request(PUT, timeout_s=5))
            await begun.wait()
            asking.cancel()
            go.set()
            await asyncio.wait((asking,))
            while not finished:  # noqa: ASYNC110 (a turn or two)
                await asyncio.sleep(0)

    asyncio.run(scenario())

    assert finished == ["/a/b"]


def test_stream_is_read_as_it_is_sent_and_holds_a_fast_sender_back() -> None:
    piece = b"x" * (STREAM_BUFFER_BYTES_MAX // 2 + 1)
    sent = []

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        for number in range(4):
            await body(send, piece, more=number < 3)
            sent.append(number)

    async def scenario() -> None:
        async with exchange(stream) as it:
            reader = await it.open_stream(PUT, timeout_s=5)
            for _ in range(10):
                await asyncio.sleep(0)
            assert sent == [0]  # the second is held until somebody reads
            got = 0
            while pieces := await reader.read():
                got += sum(len(one.data) for one in pieces)
            assert got == 4 * len(piece)

    asyncio.run(scenario())


def test_stream_ends_when_it_is_closed_torn_or_outlives_its_time() -> None:
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await start(send)
        await body(send, b"one", more=True)
        await receive()

    async def torn(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        raise ValueError("a defect of the test's")

    async def scenario() -> None:
        async with exchange(endless) as it:
            closed = await it.open_stream(PUT, timeout_s=5)
            assert [one.data for one in await closed.read()] == [b"one"]
            closed.close()
            assert await closed.read() == []
            late = await it.open_stream(PUT, timeout_s=5, lifetime_s=0.005)
            assert [one.data for one in await late.read()] == [b"one"]
            with pytest.raises(RequestTimeoutError):
                await late.read()
        async with exchange(torn) as it:
            reader = await it.open_stream(PUT, timeout_s=5)
            with pytest.raises(TransportError):
                await reader.read()

    asyncio.run(scenario())


def test_closed_exchange_refuses_and_ends_what_is_under_way() -> None:
    async def scenario() -> None:
        async with exchange(never) as it:
            asking = asyncio.ensure_future(it.request(PUT, timeout_s=5))
            await asyncio.sleep(0)
            it.close()
            with pytest.raises(TransportError):
                await asking
            with pytest.raises(NotSentError):
                await it.request(PUT, timeout_s=5)

    asyncio.run(scenario())
