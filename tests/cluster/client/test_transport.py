"""The transport against a scripted server: what it keeps, repeats, refuses and gives up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cluster.client.connection import Connection
from cluster.client.exchange import (
    NotSentError,
    Request,
    RequestTimeoutError,
    Response,
)
from cluster.client.interface import TransportError
from cluster.client.transport import HttpTransport, TransportOptions
from storage.clock import SystemClock
from tests.cluster.client.raw_server import RawConnection, RawServer, raw_server

GET = Request("GET", "/api/v1/nodes", b"accept: x\r\n")
PUT = Request("PUT", "/api/v1/nodes/a", b"", b"body")


@asynccontextmanager
async def wired(**options: Any) -> AsyncIterator[tuple[RawServer, HttpTransport]]:
    async with raw_server() as server:
        transport_options = TransportOptions(server.url, **options)
        async with HttpTransport(transport_options, SystemClock()) as transport:
            yield server, transport


def send(
    transport: HttpTransport, request: Request = GET, timeout_s: float = 5.0
) -> asyncio.Task[Response]:
    return asyncio.get_running_loop().create_task(transport.request(request, timeout_s=timeout_s))


async def used_connection(server: RawServer, transport: HttpTransport) -> RawConnection:
    answer = send(transport)
    connection = await server.accept()
    await connection.request()
    connection.answer()
    await answer
    return connection


def test_requests_one_after_another_share_a_connection(run: Any) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            first = send(transport)
            connection = await server.accept()
            request = await connection.request()
            connection.answer(b"one", 201, "Content-Type: text/plain\r\nRetry-After: 3\r\n")
            response = await first
            second = send(transport, PUT)
            assert (await connection.request()).body == b"body"
            connection.answer(b"")

            assert request.line == "GET /api/v1/nodes HTTP/1.1"
            assert request.headers["host"] in server.url
            assert (
                response.code,
                response.content_type,
                response.body,
                response.retry_after_s,
            ) == ((201, "text/plain", b"one", 3))
            assert response.sent_bytes > len(GET.target)
            assert (await second).body == b""
            assert transport.connections_opened == 1

    run(scenario())


CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
)
ANSWERS = {
    "length": (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde", b"abcde"),
    "chunked": (CHUNKED, b"abcde"),
    "empty": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "informational": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + CHUNKED, b"abcde"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_that_comes_byte_by_byte_is_whole(run: Any, name: str) -> None:
    octets, body = ANSWERS[name]

    async def scenario() -> None:
        async with wired() as (server, transport):
            connection = await used_connection(server, transport)
            for _ in range(2):
                answer = send(transport)
                await connection.request()
                await connection.write_bytewise(octets)
                response = await answer
                assert (response.body, response.received_bytes) == (body, len(octets))
            assert transport.connections_opened == 1

    run(scenario())


def test_answer_without_length_ends_with_its_connection(run: Any) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            answer = send(transport)
            connection = await server.accept()
            await connection.request()
            connection.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
            await connection.close()
            assert (await answer).body == b"all of it"

    run(scenario())


@pytest.mark.parametrize(
    "part", [b"HTTP/1.1 20", ANSWERS["length"][0][:-1], CHUNKED[:-12], CHUNKED[:-2]]
)
def test_torn_answer_is_an_error_and_never_asked_for_again(run: Any, part: bytes) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            answer = send(transport)
            connection = await server.accept()
            await connection.request()
            connection.write(part)
            await connection.close()
            with pytest.raises(TransportError):
                await answer
            assert (transport.repeats, server.connections.qsize()) == (0, 0)

    run(scenario())


@pytest.mark.parametrize("octets", [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000])
def test_answer_that_is_no_http_is_an_error(run: Any, octets: bytes) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            answer = send(transport)
            connection = await server.accept()
            await connection.request()
            connection.write(octets)
            with pytest.raises(TransportError):
                await answer
            assert await connection.closed_by_client()

    run(scenario())


def test_get_on_a_connection_that_the_server_closed_meanwhile_is_sent_again(run: Any) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            stale = await used_connection(server, transport)
            answer = send(transport)
            await stale.request()
            stale.abort()
            fresh = await server.accept()
            await fresh.request()
            fresh.answer(b"again")
            assert (await answer).body == b"again"
            assert transport.repeats == 1

    run(scenario())


def test_write_on_a_connection_that_the_server_closed_meanwhile_is_not_sent_again(
    run: Any,
) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            stale = await used_connection(server, transport)
            answer = send(transport, PUT)
            await stale.request()
            stale.abort()
            with pytest.raises(TransportError) as caught:
                await answer
            assert not isinstance(caught.value, NotSentError)
            assert server.connections.qsize() == 0

    run(scenario())


def test_connection_that_the_server_closed_while_idle_is_replaced(run: Any) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            stale = await used_connection(server, transport)
            await stale.close()
            answer = send(transport, PUT)
            fresh = await server.accept()
            await fresh.request()
            fresh.answer()
            assert (await answer).code == 200
            assert transport.repeats == 0

    run(scenario())


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 Late\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
    ids=["close", "surplus", "http10"],
)
def test_connection_is_not_kept_when_its_answer_forbids(run: Any, octets: bytes) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            answer = send(transport)
            connection = await server.accept()
            await connection.request()
            connection.write(octets)
            response = await answer
            assert (response.code, response.body) == (200, b"ok")
            assert await connection.closed_by_client()

    run(scenario())


def test_bytes_that_nobody_asked_for_close_an_idle_connection(run: Any) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            connection = await used_connection(server, transport)
            connection.answer(b"surprise")
            assert await connection.closed_by_client()
            answer = send(transport)
            fresh = await server.accept()
            await fresh.request()
            fresh.answer(b"mine")
            assert (await answer).body == b"mine"

    run(scenario())


def test_cancelled_request_closes_its_connection(run: Any) -> None:
    async def scenario() -> None:
        async with wired(max_connections=1) as (server, transport):
            answer = send(transport)
            connection = await server.accept()
            await connection.request()
            answer.cancel()
            assert await connection.closed_by_client()
            second = send(transport)
            fresh = await server.accept()
            await fresh.request()
            fresh.answer(b"second")
            assert (await second).body == b"second"

    run(scenario())


def test_deadline_passes_without_an_answer(run: Any) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            slow = send(transport, PUT, timeout_s=0.02)
            connection = await server.accept()
            await connection.request()
            with pytest.raises(RequestTimeoutError):
                await slow
            assert await connection.closed_by_client()

    run(scenario())


def test_deadline_of_an_earlier_request_does_not_end_a_later_one(run: Any) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            first = send(transport, timeout_s=4.0)
            connection = await server.accept()
            await connection.request()
            connection.answer()
            await first
            second = send(transport, timeout_s=5.0)
            await connection.request()
            (pooled,) = transport._pooled
            pooled._deadline_passed()  # what the timer of the first does when it fires
            connection.answer(b"late")
            assert (await second).body == b"late"

    run(scenario())


def test_pool_is_bounded_and_its_line_is_first_come_first_served(run: Any) -> None:
    async def scenario() -> None:
        async with wired(max_connections=2) as (server, transport):
            asked = [Request("GET", f"/{number}") for number in range(6)]
            answers = [send(transport, request) for request in asked]
            connections = [await server.accept() for _ in range(2)]
            lines = []
            for turn in range(6):
                connection = connections[turn % 2]
                lines.append((await connection.request()).line.split()[1])
                connection.answer()
            await asyncio.gather(*answers)
            assert lines == [request.target for request in asked]
            assert (transport.connections_opened, server.connections.qsize()) == (2, 0)

    run(scenario())


def test_line_is_bounded_and_has_deadlines(run: Any) -> None:
    async def scenario() -> None:
        async with wired(max_connections=1, max_waiting=1) as (server, transport):
            first = send(transport)
            connection = await server.accept()
            await connection.request()
            second = send(transport, timeout_s=0.02)
            await asyncio.sleep(0)
            with pytest.raises(NotSentError):
                await transport.request(GET, timeout_s=5)
            with pytest.raises(NotSentError):
                await second
            connection.answer()
            await first

    run(scenario())


def test_cancelled_in_line_passes_the_connection_on(run: Any) -> None:
    async def scenario() -> None:
        async with wired(max_connections=1) as (server, transport):
            first = send(transport)
            connection = await server.accept()
            await connection.request()
            second, third = send(transport, PUT), send(transport, GET)
            await asyncio.sleep(0)
            (pooled,) = transport._pooled
            pass_on = pooled._on_idle

            def pass_on_then_cancel(idle: Connection) -> None:
                pooled._on_idle = pass_on
                pass_on(idle)  # it is the second's now, which has not run yet
                second.cancel()

            pooled._on_idle = pass_on_then_cancel
            connection.answer()
            await first
            assert (await connection.request()).line.startswith("GET")
            connection.answer(b"third")
            assert (await third).body == b"third"
            assert second.cancelled()

    run(scenario())


def test_slot_of_a_torn_connection_goes_to_the_next_in_line(run: Any) -> None:
    async def scenario() -> None:
        async with wired(max_connections=1) as (server, transport):
            first, second = send(transport, PUT), send(transport, PUT)
            connection = await server.accept()
            await connection.request()
            connection.abort()
            with pytest.raises(TransportError):
                await first
            fresh = await server.accept()
            await fresh.request()
            fresh.answer(b"second")
            assert (await second).body == b"second"

    run(scenario())


def test_refused_connection_is_not_sent_and_frees_its_slot(run: Any) -> None:
    async def scenario() -> None:
        async with raw_server() as server:
            url = server.url
        async with HttpTransport(TransportOptions(url, max_connections=1), SystemClock()) as client:
            for _ in range(3):
                with pytest.raises(NotSentError):
                    await client.request(PUT, timeout_s=5)

    run(scenario())


def test_close_ends_what_is_under_way_and_in_line(run: Any) -> None:
    async def scenario() -> None:
        async with wired(max_connections=1) as (server, transport):
            first, second = send(transport), send(transport)
            connection = await server.accept()
            await connection.request()
            transport.close()
            ends = await asyncio.gather(first, second, return_exceptions=True)
            assert [isinstance(end, TransportError) for end in ends] == [True, True]
            with pytest.raises(NotSentError):
                await transport.request(GET, timeout_s=5)

    run(scenario())


@pytest.mark.parametrize("url", ["ftp://host", "127.0.0.1:80", "http://"])
def test_base_url_must_be_http(url: str) -> None:
    with pytest.raises(ValueError, match="no http"):
        HttpTransport(TransportOptions(url), SystemClock())
