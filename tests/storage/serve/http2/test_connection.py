"""A connection under clients that send odd things, or little by little, or read slowly."""

from __future__ import annotations

import asyncio
import gc

import pytest

from storage.http2 import frames
from storage.http2.frames import Code
from storage.http2.hpack import literal
from storage.serve.http2.calls import Call
from storage.serve.http2.connection import Connection
from tests.storage.serve.http2.client import (
    MESSAGE_BYTES,
    NUMBER,
    Client,
    Frame,
    data,
    head_block,
    header,
    message,
    settle,
    window,
)
from tests.storage.serve.http2.methods import METHODS, body_of, status_of, within


def test_a_call_is_answered_with_header_message_and_trailers() -> None:
    async def session(client: Client) -> None:
        stream = client.call("/reverse", b"abc")
        await settle()

        head, body, trailers = client.frames()
        assert {head.stream_id, body.stream_id, trailers.stream_id} == {stream}
        content = {b":status": b"200", b"content-type": b"application/grpc"}
        assert client.fields(head) == content
        assert body.payload == message(b"cba")
        assert client.fields(trailers) == {b"grpc-status": b"0"}
        assert trailers.flags == frames.END_STREAM | frames.END_HEADERS
        assert client.connection.calls == {}

    within(session)


@pytest.mark.parametrize("size", [1, 2, 7, 24, 25, 30])
def test_bytes_that_come_in_pieces_mean_the_same(size: int) -> None:
    async def run() -> list[Frame]:
        client = Client(METHODS)
        sent = frames.PREFACE + frames.settings({frames.INITIAL_WINDOW_SIZE: 70_000})
        sent += header(1, "/reverse") + data(1, message(b"abc"), ended=True)
        sent += header(3, "/reverse") + data(3, message(b"def")[:2], ended=False)
        sent += frames.frame(frames.PING, 0, 0, b"12345678")
        sent += data(3, message(b"def")[2:], ended=False) + data(3, b"", ended=True)
        for at in range(0, len(sent), size):
            client.feed(sent[at : at + size])
        await settle()
        return client.frames()

    got = asyncio.run(run())

    assert sorted(frame.payload for frame in got if frame.kind == frames.DATA) == [
        message(b"cba"),
        message(b"fed"),
    ]
    assert Frame(frames.PING, frames.ACK, 0, b"12345678") in got
    assert Frame(frames.SETTINGS, frames.ACK, 0, b"") in got


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/refuse", b"11", b"50 %25 of Z%C3%BCrich%0A"),
        ("/break", b"2", b"Unexpected <class 'ZeroDivisionError'>: a fault"),
    ],
)
def test_a_call_that_fails_tells_its_code_in_its_only_header(
    path: str, code: bytes, words: bytes
) -> None:
    async def session(client: Client) -> None:
        client.call(path, b"")
        await settle()

        got = client.frames()
        assert len(got) == 1
        assert status_of(client, got) == (code, words)

    within(session)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (data(1, message(b"x", compressed=True), ended=True), b"12"),
        (data(1, message(b"x" * (MESSAGE_BYTES + 1)), ended=True), b"8"),
        (data(1, message(b"x" * (MESSAGE_BYTES + 1))[:6], ended=False), b"8"),
        (data(1, message(b"xy")[:-1], ended=True), b"13"),
        (data(1, message(b"xy") + b"z", ended=True), b"13"),
        (data(1, b"\0\0", ended=True), b"13"),
        (data(1, b"", ended=True), b"13"),
    ],
)
def test_a_message_that_cannot_be_taken_ends_its_call_alone(sent: bytes, code: bytes) -> None:
    async def session(client: Client) -> None:
        client.call("/reverse")
        client.feed(sent)
        got = client.frames()
        assert status_of(client, got)[0] == code
        client.call("/reverse", b"ok")
        await settle()
        assert body_of(client.frames()) == message(b"ko")

    within(session)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frames.HEAD.pack(16385 << 8, 0, 1), Code.FRAME_SIZE_ERROR),
        (frames.frame(frames.PING, 0, 0, b"short"), Code.FRAME_SIZE_ERROR),
        (frames.frame(frames.WINDOW_UPDATE, 0, 0, b"abc"), Code.FRAME_SIZE_ERROR),
        (frames.frame(frames.SETTINGS, 0, 0, b"abc"), Code.FRAME_SIZE_ERROR),
        (frames.settings({frames.INITIAL_WINDOW_SIZE: 1 << 31}), Code.FLOW_CONTROL_ERROR),
        (window(0, frames.WINDOW_MAX), Code.FLOW_CONTROL_ERROR),
        (header(2, "/reverse"), Code.PROTOCOL_ERROR),
        (data(5, b"", ended=True), Code.PROTOCOL_ERROR),
        (data(0, b"", ended=True), Code.PROTOCOL_ERROR),
        (header(1, "/reverse") + data(1, bytes(9000), ended=False) * 2, Code.FLOW_CONTROL_ERROR),
        (header(1, "/ignore") + data(1, bytes(9000), ended=False) * 2, Code.FLOW_CONTROL_ERROR),
        (frames.frame(frames.PUSH_PROMISE, 0, 1, b""), Code.PROTOCOL_ERROR),
        (frames.frame(frames.CONTINUATION, 0, 1, b""), Code.PROTOCOL_ERROR),
        (header(1, "/x", flags=0) + frames.frame(frames.PING, 0, 0, bytes(8)), Code.PROTOCOL_ERROR),
        (frames.frame(frames.HEADERS, frames.PADDED | 4, 1, b"\xff"), Code.PROTOCOL_ERROR),
        (frames.frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x80"), Code.COMPRESSION_ERROR),
        (
            header(1, "/x", flags=0) + frames.frame(frames.CONTINUATION, 0, 1, bytes(16384)) * 4,
            Code.ENHANCE_YOUR_CALM,
        ),
    ],
)
def test_a_client_that_breaks_the_protocol_is_told_how_and_left(sent: bytes, code: Code) -> None:
    async def session(client: Client) -> None:
        client.feed(sent)

        last = client.frames()[-1]
        assert last.kind == frames.GOAWAY
        assert NUMBER.unpack_from(last.payload, 4) == (code,)
        assert client.transport.is_closed()

    within(session)


def test_what_is_unknown_or_needless_changes_nothing() -> None:
    async def session(client: Client) -> None:
        client.feed(frames.frame(77, 0, 0, b"?") + frames.frame(frames.PRIORITY, 0, 1, bytes(5)))
        client.feed(window(9, 5) + frames.reset(9, Code.CANCEL) + frames.goaway(0, Code.NO_ERROR))
        block = head_block("/reverse")
        flags = frames.PADDED | frames.WITH_PRIORITY
        client.feed(frames.frame(frames.HEADERS, flags, 1, b"\x03" + bytes(5) + block[:9] + b"pad"))
        client.feed(frames.frame(frames.CONTINUATION, 0, 1, block[9:12]))
        client.feed(frames.frame(frames.CONTINUATION, frames.END_HEADERS, 1, block[12:]))
        payload = b"\x02" + message(b"abc") + b"pp"
        client.feed(frames.frame(frames.DATA, frames.PADDED | frames.END_STREAM, 1, payload))
        await settle()

        assert body_of(client.frames()) == message(b"cba")

    within(session)


def test_a_stream_is_answered_message_by_message() -> None:
    async def session(client: Client) -> None:
        stream = client.call("/echo", b"one", ended=False)
        client.feed(data(stream, message(b"two") + message(b"three")[:4], ended=False))
        await settle()
        assert body_of(client.frames()) == message(b"one") + message(b"two")
        client.feed(data(stream, message(b"three")[4:], ended=True))
        await settle()

        got = client.frames()
        assert body_of(got) == message(b"three")
        assert status_of(client, got) == (b"0", b"")

    within(session)


def test_answers_of_a_generator_are_sent_and_its_end() -> None:
    async def session(client: Client) -> None:
        client.call("/count", b"3")
        await settle()

        got = client.frames()
        assert body_of(got) == message(b"0") + message(b"1") + message(b"2")
        assert status_of(client, got) == (b"0", b"")

    within(session)


def test_a_call_that_ends_before_its_requests_resets_the_stream() -> None:
    async def session(client: Client) -> None:
        stream = client.call("/early")
        await settle()

        trailers, reset = client.frames()
        assert status_of(client, [trailers]) == (b"14", b"")
        assert reset == Frame(frames.RST_STREAM, 0, stream, NUMBER.pack(Code.NO_ERROR))
        client.feed(data(stream, message(b"late"), ended=True))
        assert client.frames() == []

    within(session)


@pytest.mark.parametrize("path", ["/never", "/ignore"])
def test_a_call_that_is_given_up_is_cancelled(path: str) -> None:
    async def session(client: Client) -> None:
        stream = client.call(path, b"", ended=path == "/never")
        await settle()
        client.feed(frames.reset(stream, Code.CANCEL))
        await settle()

        assert [task.cancelled() for task in client.host.cancelled] == [True]
        assert client.frames() == []
        assert client.connection.calls == {}

    within(session)


def test_a_connection_that_is_lost_ends_its_calls() -> None:
    async def session(client: Client) -> None:
        client.call("/never", b"")
        client.call("/large", b"")
        client.call("/echo")
        await settle()
        client.connection.connection_lost(None)
        await settle()

        assert [task.done() for task in client.host.cancelled] == [True] * 3

    within(session)


def test_a_server_that_ends_tells_streams_so_and_waits_for_calls() -> None:
    async def session(client: Client) -> None:
        stream = client.call("/echo", b"x", ended=False)
        client.call("/large", b"")
        await settle()
        client.frames()
        client.connection.leave()

        got = client.frames()
        assert [frame.kind for frame in got[:1]] == [frames.GOAWAY]
        assert status_of(client, got) == (b"14", b"the server ends")
        assert got[-1].stream_id == stream
        assert not client.transport.is_closed()
        late = client.call("/reverse", b"")
        refused = NUMBER.pack(Code.REFUSED_STREAM)
        assert client.frames() == [Frame(frames.RST_STREAM, 0, late, refused)]
        client.feed(window(0, 200_000) + window(3, 200_000))
        assert client.transport.is_closed()
        assert status_of(client, client.frames()) == (b"0", b"")

    within(session)


def test_the_trailers_of_a_client_end_its_requests() -> None:
    async def session(client: Client) -> None:
        stream = client.call("/echo", b"x", ended=False)
        trailers = frames.END_HEADERS | frames.END_STREAM
        client.feed(frames.frame(frames.HEADERS, trailers, stream, literal(b"t", b"1")))
        await settle()

        assert status_of(client, client.frames()) == (b"0", b"")

    within(session)


def test_calls_and_connections_leave_no_circles() -> None:
    async def session(client: Client) -> None:
        for _ in range(5):
            client.call("/reverse", b"abc")
            client.call("/refuse", b"")
            client.call("/never", b"")
            client.call("/large", b"")
            client.feed(frames.reset(client.call("/ignore"), Code.CANCEL))
            client.feed(data(client.call("/reverse"), b"\1", ended=True))
            client.call("/echo", b"x", ended=False)
        await settle()
        client.connection.leave()

    def alive() -> int:
        return sum(isinstance(each, (Connection, Call)) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = alive()
        within(session)
        assert alive() == before
    finally:
        gc.enable()
