"""The v2 driver beside its promises: connections, refusals, and how watches end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from bench.storebench.drivers.etcd2_wire import Etcd2WireDriver
from bench.storebench.drivers.interface import DriverError, Spot
from bench.storebench.etcd2_requests import Requests, modified_index, refusal, store_index
from bench.storebench.http_wire import Answer

SET = b'{"action":"set","node":{"key":"/a","value":"1","modifiedIndex":7,"createdIndex":7}}\n'
GONE = b'{"action":"delete","node":{"key":"/a","modifiedIndex":8,"createdIndex":7}}\n'
CLEARED = b'{"errorCode":401,"message":"The event is cleared","cause":"the past","index":2000}\n'
ABSENT = b'{"errorCode":100,"message":"Key not found","cause":"/a","index":7}\n'
FAILED = b'{"errorCode":101,"message":"Compare failed","cause":"[1 != 2]","index":7}\n'


def http(body: bytes, code: bytes = b"200 OK") -> bytes:
    """Return an answer of a known length."""
    head = b"HTTP/1.1 %s\r\nX-Etcd-Index: 7\r\nContent-Length: %d\r\n\r\n"
    return head % (code, len(body)) + body


LENGTH = re.compile(rb"Content-Length: (\d+)")
STREAM = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(body: bytes) -> bytes:
    """Return a piece of a stream."""
    return b"%x\r\n%s\r\n" % (len(body), body)


Answering = Callable[[bytes], Iterator[bytes]]
"""Is given the head of a request; yields what is sent in return, whole. An empty text ends it."""


class Scripted:
    """A server that answers as it is told; counts connections."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.connections = 0
        self.heads: list[bytes] = []
        self.open: list[asyncio.Future[None]] = []


class Served(asyncio.Protocol):
    """One of its connections."""

    def __init__(self, scripted: Scripted) -> None:
        self._scripted = scripted
        self._rest = b""
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        scripted.connections += 1
        scripted.open.append(self._lost)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        head, ended, body = self._rest.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not ended or (length and len(body) < int(length[1])):
            return
        self._rest = b""
        self._scripted.heads.append(head)
        for piece in self._scripted.answering(head):
            if not piece:
                self._transport.close()
                return
            self._transport.write(piece)


def play(
    answering: Answering,
    scenario: Callable[[Etcd2WireDriver], Awaitable[None]],
    *,
    connections: int = 0,
    polls: bool = False,
) -> Scripted:
    """Run a scenario of the driver beside a scripted server."""

    async def run() -> Scripted:
        scripted = Scripted(answering)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Served(scripted), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        spot = Spot(f"etcd2://127.0.0.1:{port}", Path("unused"), connections, polls)
        async with asyncio.timeout(10), Etcd2WireDriver(spot) as driver:
            await scenario(driver)
        server.close()
        await server.wait_closed()
        await asyncio.gather(*scripted.open)
        return scripted

    return asyncio.run(run())


async def _ended(driver: Etcd2WireDriver) -> None:
    """Return when a watch of the driver has ended."""
    while not driver.ended():  # noqa: ASYNC110  what the server sends ends it
        await asyncio.sleep(0)


def always(answer: bytes) -> Answering:
    """Answer every request alike."""
    return lambda _head: iter([answer])


@pytest.mark.parametrize(("asked", "opened"), [(0, 5), (2, 2), (9, 5)])
def test_there_are_as_many_connections_as_calls_under_way_or_as_it_is_told(
    asked: int, opened: int
) -> None:
    async def scenario(driver: Etcd2WireDriver) -> None:
        for _ in range(3):
            assert set(await asyncio.gather(*(driver.get(b"/a") for _ in range(5)))) == {7}

    assert play(always(http(SET)), scenario, connections=asked).connections == opened


def test_a_connection_that_was_lost_is_replaced_and_those_who_wait_go_on() -> None:
    answers = iter([b"", http(SET), http(SET)])

    async def scenario(driver: Etcd2WireDriver) -> None:
        results = await asyncio.gather(
            *(driver.get(b"/a") for _ in range(3)), return_exceptions=True
        )
        assert [type(each) for each in results] == [DriverError, int, int]

    assert play(lambda _head: iter([next(answers)]), scenario, connections=1).connections == 2


def test_a_connection_that_was_closed_while_it_was_free_is_passed_over() -> None:
    async def scenario(driver: Etcd2WireDriver) -> None:
        assert await driver.get(b"/a") == 7
        for each in driver._free:
            each.close()
        assert await driver.get(b"/a") == 7

    assert play(always(http(SET)), scenario).connections == 2


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (FAILED, b"412 Precondition Failed", "101: Compare failed"),
        (ABSENT, b"404 Not Found", "100: Key not found"),
        (b"404 page not found\n", b"404 Not Found", "HTTP code 404"),
        (b"{}", b"200 OK", "no modifiedIndex"),
        (b"", b"500 Internal Server Error", "HTTP code 500"),
    ],
)
def test_a_write_that_is_refused_is_told_without_its_key(
    body: bytes, code: bytes, told: str
) -> None:
    async def scenario(driver: Etcd2WireDriver) -> None:
        with pytest.raises(DriverError, match=told):
            await driver.swap(b"/a", b"1", 6)

    play(always(http(body, code)), scenario)


def test_a_key_that_is_absent_is_at_index_0() -> None:
    async def scenario(driver: Etcd2WireDriver) -> None:
        assert await driver.get(b"/a") == 0
        assert await driver.revision() == 7

    play(always(http(ABSENT, b"404 Not Found")), scenario)


@pytest.mark.parametrize("step", [1, 10, 1000])
def test_a_stream_tells_of_writes_and_says_that_it_ended(step: int) -> None:
    heard: list[bytes] = []
    body = SET + GONE + SET
    pieces = [body[at : at + step] for at in range(0, len(body), step)]

    async def scenario(driver: Etcd2WireDriver) -> None:
        await driver.watch(b"/", heard.append)
        await _ended(driver)
        assert driver.ended() == ["the server ended the stream"]

    served = play(lambda _head: iter([STREAM, *map(chunk, pieces), END]), scenario)

    assert heard == [b"1", b"1"]
    assert b"wait=true&recursive=true&stream=true HTTP" in served.heads[0]


def test_polls_ask_from_behind_the_last_event_until_that_is_cleared() -> None:
    heard: list[bytes] = []
    answers = iter(
        [
            STREAM + chunk(SET) + END,
            STREAM + chunk(GONE) + END,
            http(CLEARED, b"400 Bad Request"),
        ]
    )

    async def scenario(driver: Etcd2WireDriver) -> None:
        await driver.watch(b"/", heard.append)
        await _ended(driver)
        assert driver.ended() == ["401: The event is cleared"]

    served = play(lambda _head: iter([next(answers)]), scenario, polls=True)

    assert heard == [b"1"]
    assert [head.partition(b" HTTP")[0].partition(b"?")[2] for head in served.heads] == [
        b"wait=true&recursive=true",
        b"wait=true&recursive=true&waitIndex=8",
        b"wait=true&recursive=true&waitIndex=9",
    ]


@pytest.mark.parametrize("polls", [False, True])
def test_a_watch_that_is_refused_is_told(polls: bool) -> None:
    async def scenario(driver: Etcd2WireDriver) -> None:
        with pytest.raises(DriverError, match="refused: 401"):
            await driver.watch(b"/", lambda _value: None)
        assert driver.ended() == []

    play(always(http(CLEARED, b"400 Bad Request")), scenario, polls=polls)


def test_values_are_quoted_where_they_need_it_and_every_head_fits_its_body() -> None:
    requests = Requests("a:1")

    for value, text in ((b"az09", b"az09"), (b"a b&\xc3\xa9", b"a%20b%26%C3%A9"), (b"", b"")):
        head, _, body = requests.put(b"/k", value).partition(b"\r\n\r\n")
        assert body == b"value=" + text
        assert b"Content-Length: %d" % len(body) in head
        assert head.startswith(b"PUT /v2/keys/k HTTP/1.1\r\nHost: a:1\r\n")
    assert requests.swap(b"/k", b"1", 0).startswith(b"PUT /v2/keys/k?prevExist=false HTTP")
    assert requests.swap(b"/k", b"1", 5).startswith(b"PUT /v2/keys/k?prevIndex=5 HTTP")


def test_the_node_s_index_is_read_not_that_of_the_state_before() -> None:
    before = b',"prevNode":{"key":"/a","value":"\\"modifiedIndex\\":1","modifiedIndex":3}}\n'
    answer = Answer(200, b"", SET.rstrip(b"}\n") + b"}" + before)

    assert modified_index(answer) == 7
    assert refusal(Answer(412, b"", FAILED)) == "101: Compare failed"
    with pytest.raises(ValueError, match="X-Etcd-Index"):
        store_index(b"http/1.1 200 ok\r\n")
