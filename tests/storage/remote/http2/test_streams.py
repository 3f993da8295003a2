"""Streams of messages: what is written, read, held back and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from storage.http2 import frames
from storage.http2.hpack import literal
from storage.remote.http2.calls import CREDIT_BYTES, STREAM_WINDOW_BYTES, Stream
from storage.remote.http2.failures import NOT_SENT, RpcError
from storage.virtual_time import run_virtual
from tests.storage.remote.http2.peer import (
    STATUS_200,
    Network,
    Peer,
    data,
    header,
    message,
    settle,
    trailers,
)

Story = Callable[[Stream, Peer], Awaitable[None]]


def over_peer(story: Story, settings: dict[int, int] | None = None) -> None:
    """Tell a story of stream 3, on which a message has been sent."""

    async def whole() -> None:
        network = Network()
        channel = network.channel()
        peer = await network.connected(channel, settings)
        stream = channel.stream("/watch", None, (("hasleader", "true"),))
        stream.write(b"create")
        await settle()
        head = peer.frames()[0]
        assert b"grpc-timeout" not in dict(peer.fields(head))
        peer.feed(header(3))
        async with asyncio.timeout(10.0):
            await story(stream, peer)
        await channel.close()

    run_virtual(whole())


def test_messages_come_in_any_pieces() -> None:
    async def story(stream: Stream, peer: Peer) -> None:
        bodies = [b"", b"one", bytes(300), b"two"]
        text = b"".join(map(message, bodies))
        for size in (1, 2, 7, 100, len(text)):
            for at in range(0, len(text), size):
                peer.feed(data(3, text[at : at + size]))
            assert [await stream.read() for _ in bodies] == bodies

    over_peer(story)


def test_reader_waits_and_may_be_cancelled() -> None:
    async def story(stream: Stream, peer: Peer) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await stream.read()
        reading = asyncio.ensure_future(stream.read())
        await settle()
        peer.feed(data(3, message(b"one") + message(b"two")))
        assert await reading == b"one"
        assert await stream.read() == b"two"

    over_peer(story)


def test_window_is_given_back_only_for_what_is_read() -> None:
    async def story(stream: Stream, peer: Peer) -> None:
        body = message(bytes(16379))
        count = STREAM_WINDOW_BYTES // len(body)
        for _ in range(count):
            peer.feed(data(3, body))
        await settle()
        assert not peer.written
        for number in range(1, count + 1):
            await stream.read()
            await settle()
            given = [
                int.from_bytes(each.payload)
                for each in peer.frames()
                if (each.kind, each.stream_id) == (frames.WINDOW_UPDATE, 3)
            ]
            assert given == ([CREDIT_BYTES] if not number * len(body) % CREDIT_BYTES else [])

    over_peer(story)


def test_message_larger_than_the_window_comes_through() -> None:
    async def story(stream: Stream, peer: Peer) -> None:
        body = bytes(STREAM_WINDOW_BYTES + 100_000)
        text, room = message(body), STREAM_WINDOW_BYTES
        for at in range(0, len(text), 16384):
            piece = text[at : at + 16384]
            peer.feed(data(3, piece))
            await asyncio.sleep(0)
            room -= len(piece)
            assert room >= 0
            room += sum(int.from_bytes(f.payload) for f in peer.frames() if f.stream_id == 3)
        assert await stream.read() == body

    over_peer(story)


def test_stream_ends_with_what_the_peer_says_after_what_it_sent() -> None:
    async def story(stream: Stream, peer: Peer) -> None:
        block = literal(b"grpc-status", b"14") + literal(b"grpc-message", b"no leader")
        peer.feed(data(3, message(b"last")), trailers(3, block))
        assert await stream.read() == b"last"
        for _ in range(2):
            with pytest.raises(RpcError, match="UNAVAILABLE: no leader"):
                await stream.read()
        with pytest.raises(RpcError, match="no leader"):
            stream.write(b"more")
        stream.cancel()
        await settle()
        assert [each.kind for each in peer.frames()] == [frames.RST_STREAM]  # it was open for more

    over_peer(story)


def test_stream_that_ends_well_or_at_once_has_ended() -> None:
    async def well(stream: Stream, peer: Peer) -> None:
        peer.feed(trailers(3))
        with pytest.raises(RpcError, match="UNAVAILABLE: the stream has ended"):
            await stream.read()

    async def compressed(stream: Stream, peer: Peer) -> None:
        peer.feed(data(3, message(b"a", compressed=True)), data(3, b"more"))
        with pytest.raises(RpcError, match="INTERNAL"):
            await stream.read()

    async def reset(stream: Stream, peer: Peer) -> None:
        reading = asyncio.ensure_future(stream.read())
        await settle()
        peer.feed(frames.reset(3, frames.Code.REFUSED_STREAM))
        with pytest.raises(RpcError, match=NOT_SENT):
            await reading

    async def judged(stream: Stream, peer: Peer) -> None:
        peer.feed(trailers(3, STATUS_200 + literal(b"grpc-status", b"16")))
        with pytest.raises(RpcError, match="UNAUTHENTICATED"):
            await stream.read()

    for story in (well, compressed, reset, judged):
        over_peer(story)


def test_cancelled_stream_is_reset_and_says_so() -> None:
    async def story(stream: Stream, peer: Peer) -> None:
        stream.cancel()
        stream.cancel()
        await settle()
        assert [each.kind for each in peer.frames()] == [frames.RST_STREAM]
        peer.feed(data(3, message(b"late")), trailers(3))
        with pytest.raises(RpcError, match="CANCELLED"):
            await stream.read()

    over_peer(story)


def test_messages_wait_for_the_stream_s_window_in_order() -> None:
    async def story(stream: Stream, peer: Peer) -> None:
        stream.write(b"second")
        stream.write(b"third")
        await settle()
        sent = b"".join(each.payload for each in peer.frames())
        peer.feed(frames.window_update(3, 1000))
        await settle()
        sent += b"".join(each.payload for each in peer.frames())
        assert sent == b"e" + message(b"second") + message(b"third")

    over_peer(story, {frames.INITIAL_WINDOW_SIZE: 10})


def test_stream_with_a_time_ends_with_it() -> None:
    async def whole() -> None:
        network = Network()
        channel = network.channel()
        await network.connected(channel)
        stream = channel.stream("/keep", 2.0, ())
        with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
            await stream.read()
        await channel.close()

    run_virtual(whole())
