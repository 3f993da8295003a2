"""Whatever frames a client sends: an answer, an end of its call or of its connection, no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.http2 import frames
from storage.serve.http2.calls import Call
from storage.serve.http2.methods import Method
from tests.storage.serve.http2.client import (
    NUMBER,
    Client,
    data,
    head_block,
    header,
    message,
    settle,
    streaming,
    unary,
    window,
)


async def _reverse(request: bytes, _call: Call) -> bytes:
    return request[::-1] * 3000


async def _echo(requests: AsyncIterator[bytes], call: Call) -> None:
    async for request in requests:
        await call.write(request)


METHODS: dict[str, Method] = {"/reverse": unary(_reverse), "/echo": streaming(_echo)}

streams = st.sampled_from([1, 1, 3, 3, 5, 0, 2, 7])
paths = st.sampled_from(sorted(METHODS))
bodies = st.sampled_from([b"", b"abc", b"x" * 900])
likely = st.one_of(
    st.builds(header, streams, paths),
    st.builds(
        lambda stream, body, ended: data(stream, message(body), ended=ended),
        streams,
        bodies,
        st.booleans(),
    ),
    st.builds(
        lambda stream, path, cut, flags: (
            frames.frame(frames.HEADERS, flags, stream, head_block(path)[:cut])
            + frames.frame(frames.CONTINUATION, frames.END_HEADERS, stream, head_block(path)[cut:])
        ),
        streams,
        paths,
        st.integers(0, 20),
        st.sampled_from([0, frames.END_STREAM]),
    ),
    st.builds(window, streams, st.sampled_from([0, 1, 1000, 1 << 30, frames.WINDOW_MAX])),
    st.builds(lambda stream: frames.frame(frames.RST_STREAM, 0, stream, NUMBER.pack(8)), streams),
    st.builds(
        lambda size: frames.settings({frames.INITIAL_WINDOW_SIZE: size}),
        st.sampled_from([0, 10, 65535, frames.WINDOW_MAX, 1 << 31]),
    ),
    st.just(frames.frame(frames.PING, 0, 0, bytes(8))),
    st.just(frames.goaway(0, frames.Code.NO_ERROR)),
)
odd = st.builds(
    frames.frame,
    st.integers(0, 12),
    st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0x2C, 0xFF]),
    streams,
    st.one_of(st.binary(max_size=12), st.just(bytes(8)), st.just(message(b"abc"))),
)


async def _session(sent: bytes, pieces: list[int]) -> None:
    client = Client(METHODS)
    client.greet()
    at = 0
    for piece in [*pieces, len(sent)]:
        if client.transport.is_closed():
            break
        client.feed(sent[at : at + piece])
        at += piece
        await settle()
    for frame in client.frames():  # asserts that they are whole
        assert len(frame.payload) <= frames.FRAME_BYTES
        assert frame.kind in (
            *(frames.DATA, frames.HEADERS, frames.RST_STREAM, frames.SETTINGS, frames.PING),
            *(frames.GOAWAY, frames.WINDOW_UPDATE),
        )
    assert len(client.connection.calls) <= 4
    client.connection.connection_lost(None)
    await settle()
    assert client.connection.calls == {}
    assert all(task.done() for task in client.host.cancelled)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


@pytest.mark.slow
@given(
    st.lists(st.one_of(likely, likely, odd), max_size=25),
    st.lists(st.integers(1, 600), max_size=8),
)
def test_any_frames_are_taken(sent: list[bytes], pieces: list[int]) -> None:
    asyncio.run(_session(b"".join(sent), pieces))
