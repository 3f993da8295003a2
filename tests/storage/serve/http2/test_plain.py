"""Pages on the port of gRPC, over HTTP/1.1 and over HTTP/2."""

from __future__ import annotations

import asyncio

import pytest

from storage.http2 import frames
from storage.http2.hpack import literal
from storage.serve.http2.messages import LAST
from storage.serve.http2.methods import Method
from storage.serve.http2.plain import NOT_FOUND, TEXT, Page
from tests.storage.serve.http2.client import Client, Frame, settle

METHODS: dict[str, Method] = {}


async def _pages(path: str) -> Page:
    return Page("well\n") if path == "/health" else NOT_FOUND


@pytest.mark.parametrize(
    ("sent", "begins", "ends"),
    [
        (b"GET /health?x HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\r\n\r\nwell\n"),
        (b"HEAD /health HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n"),
        (b"GET /x HTTP/1.0\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n", b"not found\n"),
        (b"PUT /x HTTP/1.1\r\n\r\n", b"HTTP/1.1 405 ", b"Not Allowed\n"),
        (b"\x16\x03\x01\r\n\r\n", b"HTTP/1.1 400 ", b"400 Bad Request"),
        (b"GET /" + b"x" * 17_000, b"HTTP/1.1 400 ", b"400 Bad Request"),
    ],
)
def test_plain_http_is_answered_on_the_same_port(sent: bytes, begins: bytes, ends: bytes) -> None:
    async def run() -> bytes:
        client = Client(METHODS, _pages)
        client.feed(sent[:3])
        client.feed(sent[3:])
        await settle()
        assert client.transport.is_closed()
        return bytes(client.transport.written)

    said = asyncio.run(run())

    assert said.startswith(begins)
    assert said.endswith(ends)


@pytest.mark.parametrize(
    ("verb", "path", "status", "body"),
    [
        (b"GET", b"/health?a", b"200", b"well\n"),
        (b"HEAD", b"/health", b"200", b""),
        (b"GET", b"/x", b"404", b"404 page not found\n"),
        (b"PUT", b"/health", b"405", b"Method Not Allowed\n"),
    ],
)
def test_pages_are_answered_over_http2_too(
    verb: bytes, path: bytes, status: bytes, body: bytes
) -> None:
    async def run() -> None:
        client = Client(METHODS, _pages)
        client.greet()
        block = literal(b":method", verb) + literal(b":path", path)
        client.feed(frames.frame(frames.HEADERS, LAST, 1, block))
        await settle()
        got = client.frames()
        told = client.fields(got[0])
        assert told == {b":status": status, b"content-type": TEXT.encode()}
        assert b"".join(frame.payload for frame in got if frame.kind == frames.DATA) == body
        assert got[-1] == Frame(frames.DATA, frames.END_STREAM, 1, b"")

    asyncio.run(run())


def test_what_is_neither_is_refused_where_there_are_no_pages() -> None:
    async def run() -> list[Frame]:
        client = Client(METHODS)
        client.feed(b"GET / HTTP/1.1\r\n\r\n")
        return client.frames()

    assert [frame.kind for frame in asyncio.run(run())] == [frames.GOAWAY]
