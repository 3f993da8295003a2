"""Streamed answers: what is read, how they end, what holds them back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.client.exchange import NotSentError, Request, RequestTimeoutError
from cluster.client.interface import TransportError
from cluster.client.streams import STREAM_BUFFER_BYTES_MAX, StreamReader
from cluster.client.transport import HttpTransport
from tests.cluster.client.raw_server import RawConnection, RawServer
from tests.cluster.client.wiring import wired

WATCH = Request("GET", "/api/v1/pods?watch=true")
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def opened(
    server: RawServer, transport: HttpTransport, lifetime_s: float = 0.0
) -> tuple[StreamReader, RawConnection]:
    opening = asyncio.get_running_loop().create_task(
        transport.open_stream(WATCH, timeout_s=5, lifetime_s=lifetime_s)
    )
    connection = await server.accept()
    await connection.request()
    connection.write(HEAD)
    return await opening, connection


def chunk(octets: bytes) -> bytes:
    return f"{len(octets):x}\r\n".encode() + octets + b"\r\n"


async def read_all(stream: StreamReader) -> bytes:
    octets = b""
    while pieces := await stream.read():
        octets += b"".join(piece.data for piece in pieces)
    return octets


def test_stream_gives_bytes_as_they_come_then_its_end(run: Any) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            stream, connection = await opened(server, transport)
            connection.write(chunk(b"one"))
            (piece,) = await stream.read()
            connection.write(chunk(b"two") + chunk(b"three") + b"0\r\n\r\n")

            assert piece.data == b"one"
            assert piece.wire_bytes == len(chunk(b"one"))
            assert piece.received_ns > 0
            assert stream.response.received_bytes == len(HEAD)
            assert await read_all(stream) == b"twothree"
            assert await stream.read() == []
            assert await connection.closed_by_client()

    run(scenario())


def test_stream_split_at_every_byte_is_whole(run: Any) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            stream, connection = await opened(server, transport)
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(read_all(stream))
                await connection.write_bytewise(chunk(b"abc") * 20 + b"0\r\n\r\n")
            assert reading.result() == b"abc" * 20

    run(scenario())


@pytest.mark.parametrize("part", [b"", b"5\r\nab", chunk(b"ab")])
def test_torn_stream_gives_what_came_then_the_error(run: Any, part: bytes) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            stream, connection = await opened(server, transport)
            connection.write(part)
            await connection.close()
            if part:
                (piece,) = await stream.read()
                assert piece.data == b"ab"
            with pytest.raises(TransportError):
                await stream.read()

    run(scenario())


def test_refused_stream_has_its_answer_whole(run: Any) -> None:
    async def scenario() -> None:
        async with wired(max_streams=1) as (server, transport):
            opening = asyncio.get_running_loop().create_task(
                transport.open_stream(WATCH, timeout_s=5)
            )
            connection = await server.accept()
            await connection.request()
            connection.answer(b"too old", 410)
            stream = await opening
            assert (stream.response.code, stream.response.body) == (410, b"too old")
            assert await stream.read() == []
            assert await connection.closed_by_client()

    run(scenario())


def test_stream_that_outlives_its_lifetime_is_torn(run: Any) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            stream, connection = await opened(server, transport, lifetime_s=0.02)
            with pytest.raises(RequestTimeoutError):
                await stream.read()
            assert await connection.closed_by_client()

    run(scenario())


def test_closed_stream_frees_its_place(run: Any) -> None:
    async def scenario() -> None:
        async with wired(max_streams=1) as (server, transport):
            stream, connection = await opened(server, transport)
            with pytest.raises(NotSentError):
                await transport.open_stream(WATCH, timeout_s=5)
            stream.close()
            stream.close()
            assert await connection.closed_by_client()
            await opened(server, transport)

    run(scenario())


def test_cancelled_opening_frees_its_place(run: Any) -> None:
    async def scenario() -> None:
        async with wired(max_streams=1) as (server, transport):
            opening = asyncio.get_running_loop().create_task(
                transport.open_stream(WATCH, timeout_s=5)
            )
            connection = await server.accept()
            await connection.request()
            opening.cancel()
            assert await connection.closed_by_client()
            await opened(server, transport)

    run(scenario())


def test_reader_that_lags_stops_the_socket_and_loses_nothing(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with wired() as (server, transport):
            stream, connection = await opened(server, transport)
            paused = asyncio.Event()
            pause = stream._source.pause

            def pause_and_say() -> None:
                pause()
                paused.set()

            monkeypatch.setattr(stream._source, "pause", pause_and_say)
            sent = 3 * STREAM_BUFFER_BYTES_MAX
            connection.write(chunk(b"x" * sent) + b"0\r\n\r\n")
            await paused.wait()
            # One more read of the socket may have been under way when it was stopped.
            assert stream._buffered_bytes < 2 * STREAM_BUFFER_BYTES_MAX
            assert len(await read_all(stream)) == sent

    run(scenario())
