"""Connections that are made, refused, lost, left and closed; and what is certain of their calls."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import pairwise

import pytest

from storage.http2 import frames
from storage.http2.frames import Code
from storage.remote.http2 import silence
from storage.remote.http2.calls import Unary
from storage.remote.http2.channel import BACKOFF_MAX_S, CONNECT_S
from storage.remote.http2.failures import NOT_SENT, RpcError
from storage.virtual_time import run_virtual
from tests.storage.remote.http2.peer import CLOSED, Network, answer, settle


async def ended(call: Unary) -> RpcError:
    async with asyncio.timeout(60.0):
        outcome = await call.outcome
    assert isinstance(outcome, RpcError)
    return outcome


def certain(error: RpcError) -> bool:
    """Whether it says that the peer knows nothing of the call."""
    assert error.code == "UNAVAILABLE"
    return error.details.startswith(NOT_SENT)


def virtual(story: Coroutine[object, object, None]) -> None:
    run_virtual(story)


def test_calls_wait_until_the_server_has_said_what_it_takes() -> None:
    async def story() -> None:
        network = Network()
        channel = network.channel()
        calls = [channel.ask("/m", b"%d" % number, 5.0, ()) for number in range(2)]
        await settle()
        (peer,) = network.peers
        assert bytes(peer.written).startswith(frames.PREFACE)
        assert b"grpc-timeout" not in peer.written
        peer.feed(frames.settings({}))
        await settle()
        del peer.written[: len(frames.PREFACE)]
        kinds = [each.kind for each in peer.frames()]
        assert kinds[:3] == [frames.SETTINGS, frames.WINDOW_UPDATE, frames.SETTINGS]
        peer.feed(answer(1, b"0"), answer(3, b"1"))
        assert [await call.outcome for call in calls] == [b"0", b"1"]
        await channel.close()

    virtual(story())


def test_refused_connection_fails_all_that_wait_and_is_tried_later() -> None:
    async def story() -> None:
        network, loop = Network(), asyncio.get_running_loop()
        network.refusals = 6
        channel = network.channel()
        first = [channel.ask("/m", b"", 5.0, ()) for _ in range(2)]
        assert [certain(await ended(call)) for call in first] == [True, True]
        at_once = channel.ask("/m", b"", 5.0, ())
        assert at_once.outcome.done()
        assert "nobody is there" in (await ended(at_once)).details
        assert network.tries == 1
        tried = []
        while network.refusals:
            before = network.tries
            assert certain(await ended(channel.ask("/m", b"", 5.0, ())))
            if network.tries > before:
                tried.append(loop.time())
            await asyncio.sleep(0.01)
        pauses = [b - a for a, b in pairwise(tried)]
        assert pauses == pytest.approx([0.1, 0.2, 0.4, BACKOFF_MAX_S], abs=0.011)
        await asyncio.sleep(BACKOFF_MAX_S)
        await network.connected(channel)
        await channel.close()

    virtual(story())


def test_server_that_says_nothing_is_given_up_in_time() -> None:
    async def story() -> None:
        for hangs in (True, False):
            network, loop = Network(), asyncio.get_running_loop()
            network.hangs = hangs
            channel = network.channel()
            begin = loop.time()
            brief, patient = channel.ask("/m", b"", 1.0, ()), channel.ask("/m", b"", 60.0, ())

            assert certain(await ended(brief))
            assert loop.time() - begin < 1.1
            assert certain(await ended(patient))
            assert loop.time() - begin == pytest.approx(CONNECT_S)
            await channel.close()

    virtual(story())


def test_lost_connection_tells_what_was_sent_from_what_was_not() -> None:
    async def story() -> None:
        network = Network()
        channel = network.channel()
        peer = await network.connected(channel)
        sent = channel.ask("/m", b"", 5.0, ())
        await settle()
        held = channel.ask("/m", b"", 5.0, ())
        peer.cut(ConnectionResetError("reset by peer"))
        assert not certain(await ended(sent))
        assert certain(await ended(held))
        again = channel.ask("/m", b"", 5.0, ())
        await settle()
        await network.peers[1].greet()
        await settle()
        network.peers[1].feed(answer(1, b"well"))
        assert await again.outcome == b"well"
        assert channel.connections == 2
        await channel.close()

    virtual(story())


def test_what_a_full_transport_was_not_handed_is_not_sent() -> None:
    async def story() -> None:
        network = Network()
        channel = network.channel()
        peer = await network.connected(channel)
        peer.session.pause_writing()
        held = channel.ask("/m", b"", 5.0, ())
        await settle()
        assert not peer.written
        peer.session.resume_writing()
        assert peer.frames()[0].kind == frames.HEADERS
        peer.feed(answer(3, b"well"))
        assert await held.outcome == b"well"
        peer.session.pause_writing()
        lost = channel.ask("/m", b"", 5.0, ())
        await settle()
        peer.cut()
        assert certain(await ended(lost))
        await channel.close()

    virtual(story())


def test_goaway_refuses_the_later_calls_and_lets_the_others_end() -> None:
    async def story() -> None:
        network = Network()
        channel = network.channel()
        peer = await network.connected(channel, {frames.MAX_CONCURRENT_STREAMS: 3})
        calls = [channel.ask("/m", b"", 5.0, ()) for _ in range(4)]
        await settle()
        peer.feed(frames.goaway(5, Code.NO_ERROR))
        assert [certain(await ended(calls[number])) for number in (2, 3)] == [True, True]
        after = channel.ask("/m", b"", 5.0, ())
        await settle()
        assert len(network.peers) == 2
        assert not peer.is_closing()
        peer.feed(answer(3, b"0"))
        peer.feed(frames.goaway(5, Code.NO_ERROR), answer(5, b"1"))
        assert [await calls[number].outcome for number in (0, 1)] == [b"0", b"1"]
        assert peer.closed
        await network.peers[1].greet()
        await settle()
        network.peers[1].feed(answer(1, b"after"))
        assert await after.outcome == b"after"
        await channel.close()

    virtual(story())


def test_refused_stream_is_certain_and_the_connection_goes_on() -> None:
    async def story() -> None:
        network = Network()
        channel = network.channel()
        peer = await network.connected(channel)
        calls = [channel.ask("/m", b"", 5.0, ()) for _ in range(2)]
        await settle()
        peer.feed(frames.reset(3, Code.REFUSED_STREAM), answer(5, b"well"))
        assert certain(await ended(calls[0]))
        assert await calls[1].outcome == b"well"
        assert not peer.is_closing()
        await channel.close()

    virtual(story())


def test_silent_connection_is_asked_for_a_sign_and_given_up() -> None:
    async def story() -> None:
        network, loop = Network(), asyncio.get_running_loop()
        channel = network.channel()
        peer = await network.connected(channel)
        stream = channel.stream("/watch", None, ())
        begin = loop.time()
        for _ in range(3):
            await asyncio.sleep(silence.SILENT_S + 0.1)
            ping = peer.frames()[-1]
            assert (ping.kind, ping.flags) == (frames.PING, 0)
            peer.feed(frames.frame(frames.PING, frames.ACK, 0, ping.payload))
        with pytest.raises(RpcError, match="fell silent"):
            await stream.read()
        assert loop.time() - begin == pytest.approx(3 * 10.1 + 15.0, abs=0.5)
        assert peer.closed
        await channel.close()

    virtual(story())


def test_idle_connection_is_left_in_peace() -> None:
    async def story() -> None:
        network = Network()
        channel = network.channel()
        peer = await network.connected(channel)
        await asyncio.sleep(3600.0)
        assert not peer.written
        assert not peer.is_closing()
        call = channel.ask("/m", b"", 60.0, ())
        await asyncio.sleep(silence.SILENT_S - 0.1)
        assert [each.kind for each in peer.frames()] == [frames.HEADERS, frames.DATA]
        peer.feed(answer(3, b"well"))
        assert await call.outcome == b"well"
        await channel.close()

    virtual(story())


def test_closing_fails_what_is_under_way_and_what_comes_later() -> None:
    async def story() -> None:
        network = Network()
        channel = network.channel()
        peer = await network.connected(channel, {frames.MAX_CONCURRENT_STREAMS: 1})
        calls = [channel.ask("/m", b"", 5.0, ()) for _ in range(2)]
        stream = channel.stream("/watch", None, ())
        await settle()
        await channel.close()
        assert [await ended(call) for call in calls] == [CLOSED, CLOSED]
        with pytest.raises(RpcError, match="closed by its owner"):
            await stream.read()
        assert peer.closed
        assert await ended(channel.ask("/m", b"", 5.0, ())) is CLOSED
        with pytest.raises(RpcError, match="closed by its owner"):
            channel.stream("/watch", None, ()).write(b"")
        await channel.close()

    virtual(story())


def test_closing_ends_an_attempt_to_connect() -> None:
    async def story() -> None:
        for hangs in (True, False):
            network = Network()
            network.hangs = hangs
            channel = network.channel()
            call = channel.ask("/m", b"", 5.0, ())
            await settle()
            await channel.close()
            assert await ended(call) is CLOSED
            assert all(peer.closed for peer in network.peers)

    virtual(story())


def test_call_that_was_cancelled_before_there_was_a_connection_is_not_sent() -> None:
    async def story() -> None:
        network = Network()
        channel = network.channel()
        call = channel.ask("/m", b"", 5.0, ())
        await settle()
        call.cancel()
        peer = network.peers[0]
        await peer.greet()
        await settle()
        assert frames.HEADERS not in [each.kind for each in peer.frames()]
        await channel.close()

    virtual(story())
