"""HTTP/1.1 by hand: what is sent, and what is made of what comes, however it is cut."""

from __future__ import annotations

import asyncio

import pytest

from bench.storebench.http_wire import HEAD_BYTES_MAX, Answer, Connection, WireError
from storage.virtual_time import run_virtual

HEAD = b"HTTP/1.1 201 Created\r\nX-Etcd-Index: 7\r\n"
LONG = HEAD + b"Content-Length: 5\r\n\r\n12345"
CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


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


def _connected() -> tuple[Connection, Pipe]:
    connection, pipe = Connection(), Pipe()
    connection.connection_made(pipe)
    return connection, pipe


@pytest.mark.parametrize(
    ("sent", "code", "body"),
    [(LONG, 201, b"12345"), (CHUNKS, 201, b"abc0123456789"), (EMPTY, 204, b"")],
)
@pytest.mark.parametrize("step", [1, 3, 7, 1000])
def test_an_answer_is_the_same_however_it_is_cut(
    sent: bytes, code: int, body: bytes, step: int
) -> None:
    async def scenario() -> list[Answer]:
        connection, pipe = _connected()
        answers = []
        for _ in range(2):  # the connection stays
            future = connection.ask(b"ask")
            for at in range(0, len(sent), step):
                connection.data_received(sent[at : at + step])
            answers.append(await future)
        assert pipe.written == b"askask"
        return answers

    for answer in run_virtual(scenario()):
        assert (answer.code, answer.body) == (code, body)
        assert answer.head == sent[: sent.find(b"\r\n\r\n") + 2].lower()


def test_pieces_of_a_stream_are_told_as_they_come() -> None:
    heard: list[bytes] = []

    heads: list[bytes] = []

    async def scenario() -> Answer:
        connection, _ = _connected()
        asked = connection.ask(b"watch", headed=heads.append, told=heard.append)
        end = CHUNKS.find(b"\r\n\r\n") + 4
        connection.data_received(CHUNKS[:end])
        assert (len(heads), heard, asked.done()) == (1, [], False)
        for at in range(end, len(CHUNKS)):
            connection.data_received(CHUNKS[at : at + 1])
        return await asked

    answer = run_virtual(scenario())

    assert b"x-etcd-index: 7" in answer.head
    assert heads == [answer.head]
    assert (heard, answer.body) == ([b"abc", b"0123456789"], b"")


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"x" * (HEAD_BYTES_MAX + 1),
        LONG + EMPTY,
        CHUNKS + EMPTY,
    ],
)
def test_what_is_no_answer_ends_the_connection(sent: bytes) -> None:
    async def scenario() -> tuple[bool, bool]:
        connection, pipe = _connected()
        asked = connection.ask(b"ask")
        connection.data_received(sent)
        with pytest.raises(WireError, match="not HTTP"):
            await asked
        return connection.closed, pipe.closed

    assert run_virtual(scenario()) == (True, True)


def test_what_is_under_way_fails_when_the_server_goes() -> None:
    async def scenario() -> None:
        connection, _ = _connected()
        waiting = connection.ask(b"ask")
        connection.connection_lost(None)
        assert connection.closed
        await waiting

    with pytest.raises(WireError, match="closed by the server"):
        run_virtual(scenario())


def test_nothing_can_be_asked_of_a_closed_connection() -> None:
    async def scenario() -> None:
        connection, pipe = _connected()
        connection.close()
        assert pipe.closed
        await connection.ask(b"ask")

    with pytest.raises(WireError, match="not connected"):
        run_virtual(scenario())


def test_a_second_request_waits_for_nobody_and_fails() -> None:
    async def scenario() -> None:
        connection, _ = _connected()
        first = connection.ask(b"ask")
        try:
            await connection.ask(b"ask")
        finally:
            first.cancel()

    with pytest.raises(WireError, match="asked twice"):
        run_virtual(scenario())


def test_a_connection_that_the_server_ends_after_its_answer_is_of_no_more_use() -> None:
    async def scenario() -> tuple[Answer, bool]:
        connection, _ = _connected()
        asked = connection.ask(b"ask")
        connection.data_received(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"
        )
        return await asked, connection.closed

    answer, closed = run_virtual(scenario())

    assert (answer.body, closed) == (b"x", True)
