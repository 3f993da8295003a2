"""etcd 2's client against a server that says exactly what it is told to say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from bench.generations.clients.etcd2 import Etcd2Client
from bench.generations.clients.interface import ClientError, OutOfWindowError, Traffic, Value

NODE = b'{"action":"set","node":{"key":"/a","value":"%s","modifiedIndex":%d,"createdIndex":1}}\n'
OUTDATED = b'{"errorCode":401,"message":"outdated","cause":"[7/3]","index":9}\n'
HEAD_END = b"\r\n\r\n"


def whole(body: bytes, code: int = 200) -> bytes:
    """Return an answer with a length."""
    head = f"HTTP/1.1 {code} X\r\nX-Etcd-Index: 6\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def chunk(body: bytes) -> bytes:
    """Return a chunk."""
    return b"%x\r\n%s\r\n" % (len(body), body)


async def _ended(client: Etcd2Client) -> None:
    async with asyncio.timeout(5):
        while not client.ended:  # noqa: ASYNC110  it is no event
            await asyncio.sleep(0)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 6\r\nTransfer-Encoding: chunked\r\n\r\n"


class Scripted:
    """Answers each request with the next of its lines; closes where there is none."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers
        self.asked: list[bytes] = []
        self.received = 0
        self.sent = 0
        self.open = 0
        self.quiet = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.open += 1
        self.quiet.clear()
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await reader.readuntil(HEAD_END)
                if b"Content-Length: " in request:
                    length = request.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
                    request += await reader.readexactly(int(length))
                self.received += len(request)
                self.asked.append(request)
                if not self._answers:
                    break
                answer = self._answers.pop(0)
                self.sent += len(answer)
                writer.write(answer)
                await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.open -= 1
        if not self.open:
            self.quiet.set()


def _against(script: Scripted, scenario: Callable[[str], Awaitable[None]]) -> None:
    async def run() -> None:
        server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
        async with server:
            await scenario(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            async with asyncio.timeout(5):
                await script.quiet.wait()

    asyncio.run(run())


def test_traffic_is_what_went_over_the_wire() -> None:
    script = Scripted([whole(NODE % (b"x", 7)), whole(b"x" * 100_000 + NODE % (b"x", 8))])

    async def scenario(address: str) -> None:
        async with Etcd2Client(address) as client:
            assert await client.put("/a", b'{"a": 1}') == 7
            answer = await client.everything("/a")

            assert client.traffic() == Traffic(script.received, script.sent)
            assert client.count(answer) == 1

    _against(script, scenario)

    assert script.asked[0].endswith(b"\r\n\r\nvalue=%7B%22a%22%3A+1%7D")
    assert script.asked[1].startswith(b"GET /v2/keys/a?recursive=true&sorted=true HTTP/1.1\r\n")


def test_stream_is_cut_into_events_however_it_comes() -> None:
    first, second = NODE % (b"one", 7), NODE % (b"two", 8)
    both = chunk(first + second[:20]) + chunk(second[20:])
    script = Scripted([STREAM_HEAD + both + chunk(b"")])
    heard: list[tuple[int, Value]] = []

    async def scenario(address: str) -> None:
        async with Etcd2Client(address) as client:
            await client.watch("/a", lambda index, value: heard.append((index, value)))
            await _ended(client)
            assert client.ended == "the server ended the stream"

    _against(script, scenario)

    assert heard == [(7, "one"), (8, "two")]


def test_polls_ask_for_what_comes_next_until_the_window_is_lost() -> None:
    script = Scripted([whole(b"{}"), whole(NODE % (b"one", 9)), whole(OUTDATED, 400)])
    heard: list[tuple[int, Value]] = []

    async def scenario(address: str) -> None:
        async with Etcd2Client(address, polling=True) as client:
            await client.watch("/a", lambda index, value: heard.append((index, value)))
            await _ended(client)
            assert client.ended == "outdated ([7/3])"

    _against(script, scenario)

    assert heard == [(9, "one")]
    assert [b"waitIndex=7 " in script.asked[1], b"waitIndex=10 " in script.asked[2]] == [True] * 2


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (whole(OUTDATED, 400), OutOfWindowError, "outdated"),
        (whole(b'{"errorCode":300,"message":"Raft","cause":"x"}', 500), ClientError, "300: Raft"),
        (b"", ClientError, "connection lost"),
    ],
)
def test_refusals_are_errors_of_one_line(
    answer: bytes, error: type[ClientError], words: str
) -> None:
    script = Scripted([answer] if answer else [])

    async def scenario(address: str) -> None:
        async with Etcd2Client(address) as client:
            with pytest.raises(error, match=words) as caught:
                await client.put("/a", b"x")
            assert "\n" not in str(caught.value)

    _against(script, scenario)
