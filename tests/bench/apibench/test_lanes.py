"""Connections that are lost: told, never waited for."""

from __future__ import annotations

import asyncio

import pytest

from bench.apibench.endpoint import Endpoint
from bench.apibench.lanes import Lane, Tally, connect
from bench.apibench.operations.get import Gets
from bench.load.settings import Server
from storage.clock import SystemClock

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
REFUSED = b"HTTP/1.1 409 Conflict\r\ncontent-length: 5\r\n\r\ntaken"


async def _asked(answers: list[bytes]) -> Tally:
    """Ask a server that gives these answers on each connection, then closes it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for each in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(each)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        endpoint = Endpoint(Server(f"http://127.0.0.1:{port}"))
        tally = Tally(SystemClock())
        request = endpoint.head("GET", "/", accept="a/b")
        lanes = [Lane(Gets([request], 0), tally) for _ in range(2)]
        await connect(endpoint, lanes)
        for lane in lanes:
            lane.send()
        while tally.left or tally.busy:
            tally.idle.clear()
            await tally.idle.wait()
    return tally


@pytest.mark.parametrize(
    ("answers", "done", "failures"),
    [
        ([OK, OK, OK], 6, {"connection lost: closed by the server": 2}),
        ([OK, REFUSED], 2, {"409": 2, "connection lost: closed by the server": 2}),
        ([b"nonsense\r\n\r\n"], 0, {"no HTTP answer: b'nonsense\\r\\n\\r\\n'": 2}),
        (
            [OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")],
            2,
            {"the server closes its connections": 2},
        ),
    ],
)
def test_a_connection_that_ends_is_counted_and_the_run_with_it(
    answers: list[bytes], done: int, failures: dict[str, int]
) -> None:
    tally = asyncio.run(_asked(answers))

    assert (len(tally.latencies), dict(tally.failures)) == (done, failures)
    assert tally.busy == tally.alive == 0
