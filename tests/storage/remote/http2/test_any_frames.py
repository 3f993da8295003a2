"""Whatever frames a server sends: every call ends, once, and nothing is left of it."""

from __future__ import annotations

from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.http2 import frames
from storage.http2.hpack import literal
from storage.remote.http2.calls import Stream
from storage.remote.http2.failures import CODES, RpcError
from storage.virtual_time import run_virtual
from tests.storage.remote.http2.peer import (
    OK,
    STATUS_200,
    Network,
    answer,
    data,
    header,
    message,
    settle,
    trailers,
)

NUMBER = Struct(">I")
SENT = {frames.HEADERS, frames.DATA, frames.RST_STREAM, frames.SETTINGS, frames.PING}
SENT |= {frames.GOAWAY, frames.WINDOW_UPDATE}

streams = st.sampled_from([3, 3, 5, 5, 7, 7, 9, 1, 0, 2, 99])
bodies = st.sampled_from([b"", b"abc", b"x" * 900])
blocks = st.sampled_from(
    [OK, STATUS_200, STATUS_200 + OK, literal(b"grpc-status", b"14"), literal(b":status", b"502")]
)
likely = st.one_of(
    st.builds(answer, streams, bodies),
    st.builds(header, streams, blocks),
    st.builds(trailers, streams, blocks),
    st.builds(
        lambda stream, body, last: data(stream, message(body), last=last),
        streams,
        bodies,
        st.booleans(),
    ),
    st.builds(
        lambda stream, block, cut, flags: (
            frames.frame(frames.HEADERS, flags, stream, block[:cut])
            + frames.frame(frames.CONTINUATION, frames.END_HEADERS, stream, block[cut:])
        ),
        streams,
        blocks,
        st.integers(0, 20),
        st.sampled_from([0, frames.END_STREAM]),
    ),
    st.builds(
        frames.window_update, streams, st.sampled_from([0, 1, 1000, 1 << 30, frames.WINDOW_MAX])
    ),
    st.builds(
        lambda stream, code: frames.frame(frames.RST_STREAM, 0, stream, NUMBER.pack(code)),
        streams,
        st.sampled_from([0, 2, 7, 8, 11]),
    ),
    st.builds(
        lambda setting, value: frames.settings({setting: value}),
        st.integers(1, 6),
        st.sampled_from([0, 1, 10, 16384, 65535, frames.WINDOW_MAX, 1 << 31]),
    ),
    st.builds(frames.goaway, st.sampled_from([0, 3, 5, 99]), st.just(frames.Code.NO_ERROR)),
    st.just(frames.frame(frames.PING, 0, 0, bytes(8))),
)
odd = st.builds(
    frames.frame,
    st.integers(0, 12),
    st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0x2C, 0xFF]),
    streams,
    st.one_of(st.binary(max_size=12), st.just(bytes(8)), st.just(message(b"abc"))),
)


async def _read_all(stream: Stream) -> None:
    while True:
        await stream.read()


async def _session(sent: bytes, pieces: list[int]) -> None:
    network = Network()
    channel = network.channel()
    peer = await network.connected(channel, {frames.MAX_CONCURRENT_STREAMS: 4})
    calls = [channel.ask("/m", body, 60.0, ()) for body in (b"", bytes(100_000), b"a", b"b")]
    stream = channel.stream("/watch", None, ())
    stream.write(b"create")
    await settle()
    at = 0
    for piece in [*pieces, len(sent)]:
        peer.feed(sent[at : at + piece])
        at += piece
        await settle()
    assert {frame.kind for frame in peer.frames()} <= SENT  # and they are whole
    peer.cut()
    for call in calls:
        outcome = await call.outcome
        assert not isinstance(outcome, RpcError) or outcome.code in CODES
    with pytest.raises(RpcError):
        await _read_all(stream)
    await channel.close()
    assert all(call.ended and not call.bucket for call in calls)
    assert all(each.closed for each in network.peers)


@pytest.mark.slow
@given(
    st.lists(st.one_of(likely, likely, odd), max_size=25),
    st.lists(st.integers(1, 600), max_size=8),
)
def test_any_frames_end_every_call(sent: list[bytes], pieces: list[int]) -> None:
    run_virtual(_session(b"".join(sent), pieces))
