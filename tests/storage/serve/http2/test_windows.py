"""Windows: how much may be under way, to a client and from it."""

from __future__ import annotations

import pytest

from storage.http2 import frames
from storage.http2.frames import Code
from tests.storage.serve.http2.client import (
    MESSAGE_BYTES,
    NUMBER,
    Client,
    Frame,
    data,
    message,
    settle,
    window,
)
from tests.storage.serve.http2.methods import body_of, within


def test_an_answer_waits_for_the_windows_of_its_stream_and_of_the_connection() -> None:
    async def session(client: Client) -> None:
        first, second = client.call("/large", b""), client.call("/large", b"")
        await settle()
        got = client.frames()
        assert len(body_of(got)) == frames.WINDOW_BYTES
        assert {frame.stream_id for frame in got if frame.kind == frames.DATA} == {first}

        client.feed(window(second, 200_000))
        assert client.frames() == []  # the connection has none
        client.feed(window(0, 1_000))
        assert len(body_of(client.frames())) == 1_000  # of the second: the first has none
        client.feed(frames.settings({frames.INITIAL_WINDOW_SIZE: 200_000}))
        client.feed(window(0, 1_000_000))
        got = client.frames()

        assert len(body_of(got)) == 2 * 100_005 - frames.WINDOW_BYTES - 1_000
        ends = [frame for frame in got if frame.kind == frames.HEADERS]
        assert [client.fields(frame)[b"grpc-status"] for frame in ends] == [b"0", b"0"]
        assert max(len(frame.payload) for frame in got) == frames.FRAME_BYTES

    within(session)


def test_larger_windows_are_used_after_they_were_acknowledged() -> None:
    async def session(client: Client) -> None:
        client.call("/large", b"")
        await settle()
        client.feed(window(0, 100_000))
        client.frames()

        client.feed(frames.settings({frames.INITIAL_WINDOW_SIZE: 200_000}))

        first, *others = client.frames()
        assert first == Frame(frames.SETTINGS, frames.ACK, 0, b"")
        assert len(body_of(others)) == 100_005 - frames.WINDOW_BYTES

    within(session)


def test_a_window_may_become_less_than_nothing() -> None:
    async def session(client: Client) -> None:
        stream = client.call("/large", b"")
        await settle()
        client.frames()
        client.feed(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
        client.feed(window(0, 100_000) + window(stream, frames.WINDOW_BYTES))
        assert body_of(client.frames()) == b""
        client.feed(window(stream, 10))
        assert len(body_of(client.frames())) == 10

    within(session)


def test_a_client_may_send_no_more_than_its_window_until_requests_are_taken() -> None:
    async def session(client: Client) -> None:
        body = bytes(MESSAGE_BYTES)
        taken = client.call("/echo", body, ended=False)
        left = client.call("/ignore", body, ended=False)
        client.feed(data(left, message(body), ended=False))
        await settle()

        told = {
            frame.stream_id: NUMBER.unpack(frame.payload)[0]
            for frame in client.frames()
            if frame.kind == frames.WINDOW_UPDATE
        }
        assert told == {taken: MESSAGE_BYTES + 5}

    within(session)


@pytest.mark.parametrize(
    ("path", "text"),
    [("/reverse", message(b"x")), ("/ignore", message(bytes(MESSAGE_BYTES)))],
)
def test_a_client_that_sends_more_than_its_window_is_left(path: str, text: bytes) -> None:
    async def session(client: Client) -> None:
        stream = client.call(path)
        for _ in range((MESSAGE_BYTES + frames.FRAME_BYTES) // len(text)):
            client.feed(data(stream, text, ended=False))
        assert all(frame.kind != frames.GOAWAY for frame in client.frames())
        client.feed(data(stream, text, ended=False))

        last = client.frames()[-1]
        assert last.kind == frames.GOAWAY
        assert NUMBER.unpack_from(last.payload, 4) == (Code.FLOW_CONTROL_ERROR,)

    within(session)


def test_whoever_does_not_read_is_not_read_from_either() -> None:
    async def session(client: Client) -> None:
        stream = client.call("/echo")
        client.connection.pause_writing()
        assert not client.transport.is_reading()
        client.feed(data(stream, message(b"one") + message(b"two"), ended=False))
        await settle()
        assert body_of(client.frames()) == message(b"one")  # the second waits for room
        client.connection.resume_writing()
        await settle()

        assert client.transport.is_reading()
        assert body_of(client.frames()) == message(b"two")

    within(session)
