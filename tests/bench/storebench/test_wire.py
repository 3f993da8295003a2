"""gRPC by hand: what is sent, and what is made of what comes, however it is cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bench.storebench.grpc_wire import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW,
    LONG,
    MAX_STREAMS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTING,
    SETTINGS,
    WINDOW_UPDATE,
    WINDOW_USUAL,
    Connection,
    Streaming,
    WireError,
    frame,
    header_block,
    message,
)
from storage.virtual_time import run_virtual

BLOCK = header_block("a:1", "/s/M")
ANSWER = (
    frame(HEADERS, END_HEADERS, 1, b"\x88")
    + frame(DATA, 0, 1, message(b"done"))
    + frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x88")
)


class Pipe(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True


async def _connected() -> tuple[Connection, Pipe]:
    connection, pipe = Connection(), Pipe()
    connection.connection_made(pipe)
    await asyncio.sleep(0)
    assert pipe.written.startswith(PREFACE)
    pipe.written = b""
    return connection, pipe


def test_a_call_is_a_head_and_a_body_and_its_answer_is_the_message() -> None:
    async def scenario() -> tuple[bytes, bytes]:
        connection, pipe = await _connected()
        future = connection.call(BLOCK, b"ask")
        await asyncio.sleep(0)
        connection.data_received(ANSWER)
        return pipe.written, await future

    sent, answer = run_virtual(scenario())

    expected = frame(HEADERS, END_HEADERS, 1, BLOCK) + frame(DATA, END_STREAM, 1, message(b"ask"))
    assert (sent, answer) == (expected, b"done")


def test_an_answer_may_come_byte_by_byte() -> None:
    async def scenario() -> bytes:
        connection, _ = await _connected()
        future = connection.call(BLOCK, b"")
        for at in range(len(ANSWER)):
            connection.data_received(ANSWER[at : at + 1])
        return await future

    assert run_virtual(scenario()) == b"done"


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x88"), "refused"),
        (frame(RST_STREAM, 0, 1, LONG.pack(8)), "code 8"),
    ],
)
def test_a_call_without_a_message_in_its_answer_has_failed(frames: bytes, said: str) -> None:
    async def scenario() -> None:
        connection, _ = await _connected()
        future = connection.call(BLOCK, b"")
        connection.data_received(frames)
        await future

    with pytest.raises(WireError, match=said):
        run_virtual(scenario())


@pytest.mark.parametrize("lost", [True, False])
def test_calls_fail_when_the_server_goes(lost: bool) -> None:
    async def scenario() -> list[bytes | BaseException]:
        connection, _ = await _connected()
        under_way = connection.call(BLOCK, b"")
        connection.data_received(frame(GOAWAY, 0, 0, bytes(8)))
        late = connection.call(BLOCK, b"")
        if lost:
            connection.connection_lost(None)
        else:
            connection.data_received(ANSWER)
        return list(await asyncio.gather(under_way, late, return_exceptions=True))

    under_way, late = run_virtual(scenario())

    assert isinstance(late, WireError)
    assert isinstance(under_way, WireError) if lost else under_way == b"done"


def test_nothing_is_written_when_the_connection_is_gone() -> None:
    async def scenario() -> tuple[bytes, bytes | BaseException]:
        connection, pipe = await _connected()
        call = connection.call(BLOCK, b"")
        connection.connection_lost(None)
        await asyncio.sleep(0)
        (answer,) = await asyncio.gather(call, return_exceptions=True)
        return pipe.written, answer

    written, answer = run_virtual(scenario())

    assert written == b""
    assert isinstance(answer, WireError)


def test_a_ping_and_settings_are_answered() -> None:
    async def scenario() -> bytes:
        connection, pipe = await _connected()
        connection.data_received(frame(PING, 0, 0, b"12345678") + frame(SETTINGS, 0, 0))
        connection.data_received(frame(PING, ACK, 0, b"12345678") + frame(SETTINGS, ACK, 0))
        await asyncio.sleep(0)
        return pipe.written

    assert run_virtual(scenario()) == frame(PING, ACK, 0, b"12345678") + frame(SETTINGS, ACK, 0)


def _waits_for(
    limit: Callable[[Connection], None], free: bytes, body: bytes
) -> tuple[list[int], list[int]]:
    """Return which streams began before and after the server gave way."""

    async def scenario() -> tuple[list[int], list[int]]:
        connection, pipe = await _connected()
        limit(connection)
        await asyncio.sleep(0)
        pipe.written = b""
        for _ in range(2):
            connection.call(BLOCK, body)
        await asyncio.sleep(0)
        before = _begun(pipe.written)
        connection.data_received(free)
        await asyncio.sleep(0)
        found = before, _begun(pipe.written)
        connection.connection_lost(None)
        return found

    async def heard() -> tuple[list[int], list[int]]:
        found = await scenario()
        await asyncio.sleep(0)
        return found

    return run_virtual(heard())


def _begun(written: bytes) -> list[int]:
    return [at for at in (1, 3) if frame(HEADERS, END_HEADERS, at, BLOCK) in written]


def test_calls_wait_for_the_connection_s_window() -> None:
    body = b"x" * (WINDOW_USUAL - 1000)

    assert _waits_for(
        lambda _connection: None, frame(WINDOW_UPDATE, 0, 0, LONG.pack(WINDOW_USUAL)), body
    ) == ([1], [1, 3])


def test_calls_wait_while_the_server_has_streams_enough() -> None:
    most = frame(SETTINGS, 0, 0, SETTING.pack(MAX_STREAMS, 1))

    assert _waits_for(lambda made: made.data_received(most), ANSWER, b"") == ([1], [1, 3])


def test_a_message_above_the_window_of_a_stream_is_refused_here() -> None:
    async def scenario() -> None:
        connection, _ = await _connected()
        connection.data_received(frame(SETTINGS, 0, 0, SETTING.pack(INITIAL_WINDOW, 10)))
        await connection.call(BLOCK, b"x" * 10)

    with pytest.raises(WireError, match="15 bytes are above"):
        run_virtual(scenario())


@pytest.mark.parametrize("step", [1, 3, 100])
def test_messages_of_a_stream_are_told_one_by_one_however_they_are_cut(step: int) -> None:
    heard: list[bytes] = []
    ended: list[str] = []
    stream = Streaming(heard.append, ended.append)
    whole = b"".join(message(each) for each in (b"a", b"", b"longer than a step"))

    for at in range(0, len(whole), step):
        stream.take(whole[at : at + step])
    stream.end("")

    assert heard == [b"a", b"", b"longer than a step"]
    assert ended == ["the server ended the stream"]


def test_a_text_that_is_too_long_for_a_header_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        header_block("a" * 127, "/")
