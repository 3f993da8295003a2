"""The HTTP/1.1 client against a server by hand: what each kind of answer, or none, comes to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from storage.remote.http1 import connection as http1
from storage.remote.http1.connection import Answer
from storage.remote.http1.failures import Fault, HttpError
from storage.remote.http1.pool import Pool

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nX-Kept: %d\r\nX-Other: 1\r\nContent-Length: %d\r\n\r\n%b"
ASK = b"GET /%d HTTP/1.1\r\n\r\n"
SHORT_S = 0.1
LONG_S = 10.0


def ok(number: int, body: bytes = b"body") -> bytes:
    return OK % (number, len(body), body)


@asynccontextmanager
async def served(serve: Serve, size: int = 2) -> AsyncIterator[Pool]:
    """Yield a pool of connections to a server that does this with each."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = Pool(f"127.0.0.1:{port}", None, size=size, keep=frozenset({b"x-kept"}))
    try:
        yield pool
    finally:
        await pool.close()
        server.close()
        await server.wait_closed()


async def request(reader: asyncio.StreamReader) -> int:
    """Return the number of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head.split()[1].removeprefix(b"/"))


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(ok(await request(reader)))


class Told:
    """What a stream was told."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self.ended = asyncio.Event()

    def begun(self, head: Answer) -> None:
        self.said.append(head.headers)

    def take(self, piece: bytes) -> None:
        self.said.append(piece)

    def over(self, error: HttpError | None) -> None:
        self.said.append(None if error is None else error.fault)
        self.ended.set()


async def test_answers_come_to_their_requests_over_no_more_connections_than_allowed() -> None:
    async with served(echo, size=3) as pool:
        answers = await asyncio.gather(*[pool.ask(ASK % n, LONG_S) for n in range(50)])

        assert [answer.headers for answer in answers] == [{b"x-kept": b"%d" % n} for n in range(50)]
        assert {answer.body for answer in answers} == {b"body"}
        assert pool.connections == 3


async def test_connection_is_used_again_and_a_closed_one_is_not() -> None:
    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(await request(reader)))
        last = ok(await request(reader)).replace(b"X-Other: 1", b"Connection: close")
        writer.write(last)
        await reader.read()

    async with served(twice) as pool:
        for number in range(6):
            assert (await pool.ask(ASK % number, LONG_S)).status == 200

        assert pool.connections == 3


NONSENSE = [
    b"what?\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * (70 << 10),
    b"",
]


@pytest.mark.parametrize("told", NONSENSE)
async def test_answer_that_is_none_breaks_its_request_alone(told: bytes) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = await request(reader)
        writer.write(told if number == 0 else ok(number))
        await writer.drain()
        if number:
            await reader.read()

    async with served(nonsense) as pool:
        broken, other = await asyncio.gather(
            pool.ask(ASK % 0, LONG_S), pool.ask(ASK % 1, LONG_S), return_exceptions=True
        )

        assert isinstance(broken, HttpError)
        assert broken.fault is Fault.BROKEN
        assert "\n" not in str(broken)
        assert isinstance(other, Answer)


async def test_body_that_is_too_long_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "BODY_BYTES_MAX", 10)

    async def long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(await request(reader), b"x" * 11))
        await reader.read()

    async with served(long) as pool:
        with pytest.raises(HttpError, match="too long"):
            await pool.ask(ASK % 1, LONG_S)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_request_that_is_not_answered_in_time_takes_its_connection_along() -> None:
    async with served(silent, size=1) as pool:
        faults = await asyncio.gather(
            *[pool.ask(ASK % n, SHORT_S) for n in range(2)], return_exceptions=True
        )

        kinds = [each.fault for each in faults if isinstance(each, HttpError)]
        assert kinds == [Fault.LATE, Fault.NOT_SENT]  # the second waited for the connection


async def test_request_that_is_given_up_takes_its_connection_along() -> None:
    answered = asyncio.Event()

    async def first_hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = await request(reader)
        answered.set()
        if number:
            writer.write(ok(number))
        await reader.read()

    async with served(first_hangs, size=1) as pool:
        hanging = asyncio.ensure_future(pool.ask(ASK % 0, LONG_S))
        await answered.wait()
        waiting = asyncio.ensure_future(pool.ask(ASK % 1, LONG_S))
        await asyncio.sleep(0)
        hanging.cancel()

        assert (await waiting).headers == {b"x-kept": b"1"}
        assert pool.connections == 2


async def test_connection_that_cannot_be_made_has_sent_nothing() -> None:
    async with served(echo) as pool:
        target = pool.target
    gone = Pool(target, None, size=2, keep=frozenset())

    for _ in range(3):  # at once, after the first
        with pytest.raises(HttpError) as caught:
            await gone.ask(ASK % 1, LONG_S)
        assert caught.value.fault is Fault.NOT_SENT
    await gone.close()


async def test_closed_pool_ends_what_is_under_way_and_takes_nothing_more() -> None:
    asked = asyncio.Event()

    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        asked.set()
        await reader.read()

    async with served(hangs, size=1) as pool:
        asking = [asyncio.ensure_future(pool.ask(ASK % n, LONG_S)) for n in range(3)]
        await asked.wait()
        await pool.close()
        faults = await asyncio.gather(*asking, return_exceptions=True)
        with pytest.raises(HttpError) as caught:
            await pool.ask(ASK % 9, LONG_S)

        assert {each.fault for each in faults if isinstance(each, HttpError)} == {Fault.CLOSED}
        assert len(faults) == 3
        assert caught.value.fault is Fault.CLOSED


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    async with served(echo) as pool:
        connection = await pool.connect()
        exchanges = connection.send(b"".join(ASK % n for n in range(20)), 20)
        answers = [await exchange.answer for exchange in exchanges]

        assert [answer.headers[b"x-kept"] for answer in answers] == [b"%d" % n for n in range(20)]
        assert connection.usable


@pytest.mark.parametrize(("whole", "end"), [(True, None), (False, Fault.BROKEN)])
async def test_stream_is_told_head_pieces_and_end(whole: bool, end: Fault | None) -> None:
    go_on = asyncio.Event()

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = await request(reader)
        head = b"HTTP/1.1 200 OK\r\nX-Kept: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % number
        writer.write(head + b"3\r\none\r\n")
        await go_on.wait()
        writer.write(b"3\r\ntwo\r\n3\r\nend\r\n" + (b"0\r\n\r\n" if whole else b""))
        await writer.drain()

    async with served(stream) as pool:
        told = Told()
        exchange = await pool.stream(ASK % 7, told, LONG_S)
        go_on.set()
        await told.ended.wait()

        assert exchange.begun
        pieces = [each for each in told.said if isinstance(each, bytes)]
        assert b"".join(pieces) == b"onetwoend"
        assert (told.said[0], told.said[-1]) == ({b"x-kept": b"7"}, end)


async def test_stream_that_is_refused_is_an_answer() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = await request(reader)
        writer.write(ok(number, b"no").replace(b"200 OK", b"400 Bad Request"))
        await reader.read()

    async with served(refuse) as pool:
        told = Told()
        exchange = await pool.stream(ASK % 7, told, LONG_S)

        assert not exchange.begun
        assert exchange.answer.result().body == b"no"
        assert told.said == []


async def test_bytes_that_nobody_asked_for_close_an_idle_connection() -> None:
    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = await request(reader)
        writer.write(ok(number) + ok(99))
        await reader.read()

    async with served(chatty) as pool:
        for number in range(3):
            answer = await pool.ask(ASK % number, LONG_S)
            assert answer.headers == {b"x-kept": b"%d" % number}

        assert pool.connections == 3
