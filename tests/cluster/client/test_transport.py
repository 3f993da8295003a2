"""One request at a time against a scripted server: what is whole, torn, repeated, given up."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.client.exchange import (
    NotSentError,
    RequestTimeoutError,
)
from cluster.client.interface import TransportError
from tests.cluster.client.wiring import GET, PUT, send, used_connection, wired


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
