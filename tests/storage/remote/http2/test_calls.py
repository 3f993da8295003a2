"""Calls on a connection, frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from storage.http2 import frames
from storage.http2.frames import Code
from storage.http2.hpack import literal
from storage.remote.http2.calls import CREDIT_BYTES
from storage.remote.http2.channel import Channel
from storage.remote.http2.failures import NOT_SENT, RpcError
from storage.virtual_time import run_virtual
from tests.storage.remote.http2.peer import (
    OK,
    STATUS_200,
    Network,
    Peer,
    answer,
    data,
    header,
    message,
    settle,
    trailers,
)

Story = Callable[[Channel, Peer], Awaitable[None]]


def over_peer(story: Story, settings: dict[int, int] | None = None) -> None:
    """Tell a story on a connection that has just been made; its next stream is 3."""

    async def whole() -> None:
        network = Network()
        channel = network.channel()
        peer = await network.connected(channel, settings)
        await story(channel, peer)
        await channel.close()

    run_virtual(whole())


async def outcome_of(channel: Channel, peer: Peer, *texts: bytes) -> bytes | RpcError:
    """Ask, and feed these for an answer."""
    call = channel.ask("/method", b"question", 5.0, ())
    await settle()
    peer.feed(*texts)
    async with asyncio.timeout(1.0):
        return await call.outcome


def failure(outcome: bytes | RpcError) -> tuple[str, str]:
    assert isinstance(outcome, RpcError)
    return outcome.code, outcome.details


def test_call_is_a_header_and_a_message_in_one_write() -> None:
    async def story(channel: Channel, peer: Peer) -> None:
        peer.writes = 0
        calls = [channel.ask(f"/m{n}", b"question%d" % n, 2.5, (("token", "t"),)) for n in (0, 1)]
        await settle()

        assert peer.writes == 1
        sent = peer.frames()
        assert [(each.kind, each.flags, each.stream_id) for each in sent] == [
            (frames.HEADERS, frames.END_HEADERS, 3),
            (frames.DATA, frames.END_STREAM, 3),
            (frames.HEADERS, frames.END_HEADERS, 5),
            (frames.DATA, frames.END_STREAM, 5),
        ]
        assert peer.fields(sent[0]) == [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", b"/m0"),
            (b":authority", b"etcd:2379"),
            (b"grpc-timeout", b"2500m"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
            (b"user-agent", b"kubedyno"),
            (b"token", b"t"),
        ]
        assert dict(peer.fields(sent[2]))[b":path"] == b"/m1"
        assert sent[1].payload == message(b"question0")
        peer.feed(answer(5, b"one"), answer(3, b"zero"))
        assert [await call.outcome for call in calls] == [b"zero", b"one"]

    over_peer(story)


def test_header_blocks_say_the_same_when_fields_have_places() -> None:
    async def story(channel: Channel, peer: Peer) -> None:
        sizes = []
        for number in range(12):
            stream_id = 3 + 2 * number
            path = f"/m{number % 3}"
            call = channel.ask(path, b"", 1.0, (("token", "of some length"),))
            await settle()
            head, _ = peer.frames()
            fields = dict(peer.fields(head))
            assert (fields[b":path"], fields[b"token"]) == (path.encode(), b"of some length")
            assert fields[b":authority"] == b"etcd:2379"
            sizes.append(len(head.payload))
            peer.feed(answer(stream_id, b""))
            await call.outcome
        assert max(sizes[3:]) < 35 < sizes[0]

    over_peer(story)


def test_nothing_is_indexed_where_the_peer_keeps_no_table() -> None:
    async def story(channel: Channel, peer: Peer) -> None:
        peer.feed(frames.settings({frames.HEADER_TABLE_SIZE: 0}))
        for number in range(2):
            call = channel.ask("/m", b"", 1.0, ())
            await settle()
            head = peer.frames()[-2]
            assert head.payload.startswith(b"\x20\x83" if not number else b"\x83")
            assert dict(peer.fields(head))[b":path"] == b"/m"
            peer.feed(answer(3 + 2 * number, b""))
            await call.outcome

    over_peer(story)


CUT_ANSWER = (
    header(3)
    + frames.frame(frames.PING, 0, 0, b"12345678")
    + data(3, message(b"answer")[:7])
    + data(3, message(b"answer")[7:])
    + trailers(3)
)


@pytest.mark.parametrize("at", range(1, len(CUT_ANSWER)))
def test_answer_may_be_cut_anywhere(at: int) -> None:
    async def story(channel: Channel, peer: Peer) -> None:
        call = channel.ask("/method", b"question", 5.0, ())
        await settle()
        peer.feed(CUT_ANSWER[:at])
        await settle()
        assert not call.outcome.done()
        peer.feed(CUT_ANSWER[at:])
        assert await call.outcome == b"answer"
        await settle()
        assert frames.frame(frames.PING, frames.ACK, 0, b"12345678") in bytes(peer.written)

    over_peer(story)


def status(number: int, words: bytes = b"") -> bytes:
    return literal(b"grpc-status", b"%d" % number) + literal(b"grpc-message", words)


def http(code: int) -> bytes:
    return literal(b":status", b"%d" % code) + literal(b"content-type", b"text/html")


FAILURES = {
    "trailers only": (trailers(3, STATUS_200 + status(5, b"not%20there%25")), "NOT_FOUND"),
    "after a message": (
        header(3) + data(3, message(b"a")) + trailers(3, status(14)),
        "UNAVAILABLE",
    ),
    "unknown number": (trailers(3, STATUS_200 + status(99)), "UNKNOWN"),
    "no status": (header(3) + data(3, message(b"a")) + trailers(3, literal(b"a", b"")), "INTERNAL"),
    "data ends": (header(3) + data(3, message(b"a"), last=True), "INTERNAL"),
    "no message": (header(3) + trailers(3), "INTERNAL"),
    "two messages": (header(3) + data(3, 2 * message(b"a")) + trailers(3), "INTERNAL"),
    "half a message": (header(3) + data(3, message(b"abc")[:-1]) + trailers(3), "INTERNAL"),
    "compressed": (header(3) + data(3, message(b"a", compressed=True)) + trailers(3), "INTERNAL"),
    "proxy, at once": (header(3, http(502), last=True), "UNAVAILABLE"),
    "proxy, with a page": (header(3, http(503)) + data(3, b"<html>", last=True), "UNAVAILABLE"),
    "not found": (header(3, http(404), last=True), "UNIMPLEMENTED"),
    "cancelled": (frames.reset(3, Code.CANCEL), "CANCELLED"),
    "reset": (frames.reset(3, Code.INTERNAL_ERROR), "INTERNAL"),
    "calm": (frames.reset(3, Code.ENHANCE_YOUR_CALM), "INTERNAL"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_have_their_codes_and_the_connection_goes_on(name: str) -> None:
    text, code = FAILURES[name]

    async def story(channel: Channel, peer: Peer) -> None:
        found, details = failure(await outcome_of(channel, peer, text))

        assert found == code
        assert not details.startswith(NOT_SENT)
        if name == "trailers only":
            assert details == "not there%"
        await settle()
        call = channel.ask("/method", b"again", 5.0, ())
        await settle()
        peer.feed(answer(5, b"well"))
        assert await call.outcome == b"well"

    over_peer(story)


BREAKS = {
    "settings cut short": frames.frame(frames.SETTINGS, 0, 0, b"12345"),
    "ping of another length": frames.frame(frames.PING, 0, 0, b"1234567"),
    "frame too large": frames.HEAD.pack(16385 << 8 | frames.DATA, 0, 3),
    "push": frames.frame(frames.PUSH_PROMISE, frames.END_HEADERS, 3, b"\0\0\0\2"),
    "header of nobody": header(99),
    "data of nobody": data(4, b"a"),
    "block broken off": frames.frame(frames.HEADERS, 0, 3, STATUS_200) + data(3, b"a"),
    "block of nothing": frames.frame(frames.CONTINUATION, 0, 3, STATUS_200),
    "hpack": header(3, b"\xff\xff\xff\xff\xff\xff"),
    "window": frames.window_update(0, frames.WINDOW_MAX),
    "window setting": frames.settings({frames.INITIAL_WINDOW_SIZE: 1 << 31}),
    "frame setting": frames.settings({frames.MAX_FRAME_SIZE: 1}),
    "padding": frames.frame(frames.DATA, frames.PADDED, 3, b"\x09a"),
    "goaway cut short": frames.frame(frames.GOAWAY, 0, 0, b"1234"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_peer_that_breaks_the_protocol_is_left_and_nobody_knows(name: str) -> None:
    async def story(channel: Channel, peer: Peer) -> None:
        code, details = failure(await outcome_of(channel, peer, BREAKS[name]))

        assert code == "UNAVAILABLE"
        assert not details.startswith(NOT_SENT)
        assert peer.closed
        assert peer.frames()[-1].kind == frames.GOAWAY

    over_peer(story)


def test_padding_priority_continuation_and_hints_are_understood() -> None:
    async def story(channel: Channel, peer: Peer) -> None:
        flags = frames.PADDED | frames.WITH_PRIORITY
        outcome = await outcome_of(
            channel,
            peer,
            header(3, literal(b":status", b"103")),
            frames.frame(frames.HEADERS, flags, 3, b"\2\0\0\0\0\0" + STATUS_200[:5] + b"\0\0"),
            frames.frame(frames.CONTINUATION, 0, 3, STATUS_200[5:9]),
            frames.frame(frames.CONTINUATION, frames.END_HEADERS, 3, STATUS_200[9:]),
            frames.frame(frames.PRIORITY, 0, 3, b"\0\0\0\0\0"),
            frames.frame(200, 0, 3, b"a kind to come"),
            frames.frame(frames.DATA, frames.PADDED, 3, b"\3" + message(b"answer") + b"\0\0\0"),
            trailers(3, OK),
        )
        assert outcome == b"answer"

    over_peer(story)


def test_message_waits_for_windows_and_is_split() -> None:
    body = bytes(range(256)) * 300

    async def story(channel: Channel, peer: Peer) -> None:
        call = channel.ask("/method", body, 5.0, ())
        await settle()
        sent = [each for each in peer.frames() if each.kind == frames.DATA]
        assert [len(each.payload) for each in sent] == [16384, 3616]
        peer.feed(frames.window_update(3, 100_000))
        await settle()
        sent += peer.frames()
        assert sum(len(each.payload) for each in sent) == frames.WINDOW_BYTES - 5  # of /warm's
        peer.feed(frames.window_update(0, 100_000))
        await settle()
        sent += peer.frames()
        assert b"".join(each.payload for each in sent) == message(body)
        assert [each.flags for each in sent if each.flags] == [frames.END_STREAM]
        assert sent[-1].flags
        peer.feed(answer(3, b"taken"))
        assert await call.outcome == b"taken"

    over_peer(story, {frames.INITIAL_WINDOW_SIZE: 20_000})


def test_settings_change_windows_and_frames_under_way() -> None:
    async def story(channel: Channel, peer: Peer) -> None:
        channel.ask("/method", bytes(50_000), 5.0, ())
        await settle()
        assert peer.frames()[-1].payload == message(bytes(50_000))[:5]
        peer.feed(
            frames.settings({frames.MAX_FRAME_SIZE: 40_000, frames.INITIAL_WINDOW_SIZE: 60_000})
        )
        await settle()
        sent = peer.frames()
        assert (sent[0].kind, sent[0].flags) == (frames.SETTINGS, frames.ACK)
        assert [len(each.payload) for each in sent[1:]] == [40_000, 10_000]

    over_peer(story, {frames.INITIAL_WINDOW_SIZE: 5})


def test_calls_wait_for_streams_that_the_peer_takes() -> None:
    async def story(channel: Channel, peer: Peer) -> None:
        calls = [channel.ask("/method", b"%d" % number, 5.0, ()) for number in range(5)]
        await settle()
        assert [each.stream_id for each in peer.frames() if each.flags & 1] == [3, 5]
        calls[2].cancel()
        peer.feed(answer(5, b"1"))
        await settle()
        sent = peer.frames()
        assert [(each.stream_id, each.payload) for each in sent if each.flags & 1] == [
            (7, message(b"3"))
        ]
        peer.feed(frames.settings({frames.MAX_CONCURRENT_STREAMS: 3}))
        await settle()
        assert [each.stream_id for each in peer.frames() if each.flags & 1 and each.stream_id] == [
            9
        ]
        peer.feed(*(answer(stream_id, b"") for stream_id in (3, 7, 9)))
        assert [await calls[number].outcome for number in (0, 3, 4)] == [b""] * 3

    over_peer(story, {frames.MAX_CONCURRENT_STREAMS: 2})


def test_large_answer_is_given_window_and_read_whole() -> None:
    body = bytes(range(250)) * 100_000
    text = message(body)

    async def story(channel: Channel, peer: Peer) -> None:
        call = channel.ask("/method", b"", 5.0, ())
        await settle()
        peer.frames()
        peer.feed(header(3))
        for at in range(0, len(text), 16384):
            peer.feed(data(3, text[at : at + 16384]))
        await settle()
        given = [each for each in peer.frames() if each.kind == frames.WINDOW_UPDATE]
        assert [each.stream_id for each in given] == [3] * (len(body) // CREDIT_BYTES)
        peer.feed(trailers(3))
        assert await call.outcome == body

    over_peer(story)


def test_deadline_ends_a_call_and_its_stream() -> None:
    async def story(channel: Channel, peer: Peer) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        late = channel.ask("/method", b"", 3.0, ())
        early = channel.ask("/method", b"", 0.5, ())

        assert failure(await early.outcome)[0] == "DEADLINE_EXCEEDED"
        assert 0.5 <= loop.time() - begin < 0.55
        await settle()
        assert peer.frames()[-1] == (frames.RST_STREAM, 0, 5, b"\0\0\0\x08")
        peer.feed(answer(5, b"late"), answer(3, b"in time"))
        assert await late.outcome == b"in time"

    over_peer(story)


def test_cancelled_call_resets_its_stream() -> None:
    async def story(channel: Channel, peer: Peer) -> None:
        call = channel.ask("/method", b"", 3.0, ())
        await settle()
        call.cancel()
        call.cancel()
        await settle()
        assert [each.kind for each in peer.frames()].count(frames.RST_STREAM) == 1
        peer.feed(header(3), data(3, message(b"late")), frames.reset(3, Code.CANCEL))
        assert failure(await outcome_of(channel, peer, trailers(5, STATUS_200 + status(5))))

    over_peer(story)
