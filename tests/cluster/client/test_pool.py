"""The pool and its line against a scripted server: bounds, order, slots, what a close ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.client.connection import Connection
from cluster.client.exchange import (
    NotSentError,
    Request,
)
from cluster.client.interface import TransportError
from cluster.client.transport import HttpTransport, TransportOptions
from storage.clock import SystemClock
from tests.cluster.client.raw_server import raw_server
from tests.cluster.client.wiring import GET, PUT, send, wired


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


def test_cancelled_with_its_answer_leaves_the_connection_to_the_next(run: Any) -> None:
    async def scenario() -> None:
        async with wired(max_connections=1) as (server, transport):
            first = send(transport)
            connection = await server.accept()
            await connection.request()
            second = send(transport, PUT)
            await asyncio.sleep(0)
            (pooled,) = transport._pooled
            pass_on = pooled._on_idle

            def pass_on_then_cancel(idle: Connection) -> None:
                pooled._on_idle = pass_on
                pass_on(idle)
                # Cancelled in the turn after the answer came, behind the second's start.
                asyncio.get_running_loop().call_soon(first.cancel)

            pooled._on_idle = pass_on_then_cancel
            connection.answer(b"first")
            await asyncio.wait({first})
            assert (await connection.request()).line.startswith("PUT")
            connection.answer(b"second")
            assert (await second).body == b"second"

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


def test_path_prefix_of_the_server_stands_before_every_target(run: Any) -> None:
    async def scenario() -> None:
        async with raw_server() as server:
            options = TransportOptions(server.url + "/clusters/one/")
            async with HttpTransport(options, SystemClock()) as transport:
                answer = send(transport)
                connection = await server.accept()
                line = (await connection.request()).line
                connection.answer()
                await answer
                assert line == "GET /clusters/one/api/v1/nodes HTTP/1.1"

    run(scenario())
