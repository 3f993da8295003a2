"""A client by hand: frames to a connection of ours, and those that came back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

from storage.http2 import frames
from storage.http2.hpack import Decoder, Field, literal
from storage.serve.http2.connection import Connection
from storage.serve.http2.messages import PREFIX
from storage.serve.http2.methods import Head, Method, page_of
from storage.serve.http2.plain import Pages
from storage.serve.http2.turns import Turns

MESSAGE_BYTES: Final = 1000
NUMBER: Final = Struct(">I")


class Frame(NamedTuple):
    kind: int
    flags: int
    stream_id: int
    payload: bytes


class FakeTransport:
    """Takes what is written, and can be too slow for it."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closed = False
        self.reading = True

    def write(self, text: bytes) -> None:
        self.written += text

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_reading(self) -> bool:
        return self.reading

    def is_closed(self) -> bool:
        return self.closed


class FakeHost:
    """A server with one connection, whose methods are those given, by path."""

    def __init__(self, methods: dict[str, Method], pages: Pages | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.message_bytes = MESSAGE_BYTES
        self.pages = pages
        self.turns = Turns()
        self.farewell = "the server ends"
        self.cancelled: list[asyncio.Task[None]] = []
        self.left_count = 0
        self._methods = methods

    def method(self, head: Head) -> Method:
        if self.pages is not None:
            return page_of(self.pages, head)
        return self._methods[head.path]

    def cancel(self, task: asyncio.Task[None]) -> None:
        self.cancelled.append(task)
        task.cancel()

    def joined(self, connection: Connection) -> None:
        return

    def left(self, connection: Connection) -> None:
        self.left_count += 1


class Client:
    """Speaks to a connection; ``frames`` takes what has been answered since it was last asked."""

    def __init__(self, methods: dict[str, Method], pages: Pages | None = None) -> None:
        self.host = FakeHost(methods, pages)
        self.transport = FakeTransport()
        self.connection = Connection(self.host)
        self.connection.connection_made(self.transport)  # type: ignore[arg-type]  # a fake
        self._decoder: Decoder[list[Field]] = Decoder(list)
        self._next_stream = 1

    def greet(self, settings: dict[int, int] | None = None) -> None:
        """Begin, and take what the server says of itself."""
        self.feed(frames.PREFACE + frames.settings(settings or {}))
        self.frames()

    def feed(self, text: bytes) -> None:
        self.connection.data_received(text)

    def frames(self) -> list[Frame]:
        text, at, found = bytes(self.transport.written), 0, []
        self.transport.written.clear()
        while at < len(text):
            word, flags, stream_id = frames.HEAD.unpack_from(text, at)
            at += frames.HEAD_BYTES
            found.append(Frame(word & 0xFF, flags, stream_id, text[at : at + (word >> 8)]))
            at += word >> 8
        assert at == len(text), "whole frames are written"
        return found

    def fields(self, frame: Frame) -> dict[bytes, bytes]:
        assert frame.kind == frames.HEADERS
        return dict(self._decoder.decode(frame.payload))

    def call(self, path: str, body: bytes | None = None, *, ended: bool = True) -> int:
        """Begin a call, with a request or without; return its stream."""
        stream_id, self._next_stream = self._next_stream, self._next_stream + 2
        self.feed(header(stream_id, path))
        if body is not None:
            self.feed(data(stream_id, message(body), ended=ended))
        return stream_id


def head_block(path: str) -> bytes:
    return b"\x83\x86" + literal(b":path", path.encode()) + CONTENT


CONTENT: Final = literal(b"content-type", b"application/grpc")


def header(stream_id: int, path: str, *, flags: int = frames.END_HEADERS) -> bytes:
    return frames.frame(frames.HEADERS, flags, stream_id, head_block(path))


def data(stream_id: int, payload: bytes, *, ended: bool) -> bytes:
    return frames.frame(frames.DATA, frames.END_STREAM * ended, stream_id, payload)


def message(body: bytes, *, compressed: bool = False) -> bytes:
    return PREFIX.pack(compressed, len(body)) + body


def window(stream_id: int, size: int) -> bytes:
    return frames.window_update(stream_id, size)


def unary(call: Callable[..., object]) -> Method:
    return Method(call, takes_stream=False, answers_stream=False, read=bytes, write=bytes)


def streaming(call: Callable[..., object]) -> Method:
    return Method(call, takes_stream=True, answers_stream=True, read=bytes, write=bytes)


async def settle() -> None:
    """Let everything happen that can."""
    for _ in range(20):
        await asyncio.sleep(0)
