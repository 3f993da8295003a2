"""A server by hand: frames to a session of ours, and those that it sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, NamedTuple

from storage.http2 import frames
from storage.http2.hpack import Decoder, Field, literal
from storage.remote.http2.calls import PREFIX
from storage.remote.http2.channel import Channel
from storage.remote.http2.dialing import Address
from storage.remote.http2.failures import RpcError

CLOSED: Final = RpcError("CANCELLED", "closed by its owner")
STATUS_200: Final = b"\x88" + literal(b"content-type", b"application/grpc")
OK: Final = literal(b"grpc-status", b"0")


class Frame(NamedTuple):
    kind: int
    flags: int
    stream_id: int
    payload: bytes


class Peer(asyncio.Transport):
    """A connection as its server sees it, which is the transport of the session."""

    def __init__(self, session: asyncio.Protocol) -> None:
        super().__init__()
        self.session = session
        self.written = bytearray()
        self.writes = 0
        self.closed = False
        self._decoder: Decoder[list[Field]] = Decoder(list)
        self._fields: dict[int, list[Field]] = {}
        session.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written += data
        self.writes += 1

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.cut()

    def abort(self) -> None:
        self.cut()

    def cut(self, error: Exception | None = None) -> None:
        """The connection has ended."""
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.session.connection_lost, error)

    def feed(self, *texts: bytes) -> None:
        self.session.data_received(b"".join(texts))

    async def greet(self, settings: dict[int, int] | None = None) -> None:
        """Say what is taken, and read what the client said."""
        self.feed(frames.settings(settings or {}))
        await settle()
        del self.written[: len(frames.PREFACE)]

    def frames(self) -> list[Frame]:
        """Take what has been sent since."""
        text, at, found = bytes(self.written), 0, []
        self.written.clear()
        while at < len(text):
            word, flags, stream_id = frames.HEAD.unpack_from(text, at)
            at += frames.HEAD_BYTES
            each = Frame(word & 0xFF, flags, stream_id, text[at : at + (word >> 8)])
            at += len(each.payload)
            found.append(each)
            if each.kind == frames.HEADERS and flags & frames.END_HEADERS:
                self._fields[stream_id] = self._decoder.decode(each.payload)
        assert at == len(text), "whole frames are written"
        return found

    def fields(self, frame: Frame) -> list[Field]:
        assert frame.kind == frames.HEADERS
        return self._fields[frame.stream_id]


class Network:
    """Where a channel connects: its ``peers``, or refusals."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.refusals = 0
        self.tries = 0
        self.hangs = False

    async def dial(
        self,
        address: Address,
        tls: ssl.SSLContext | None,
        make: Callable[[], asyncio.Protocol],
    ) -> asyncio.BaseTransport:
        self.tries += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.refusals:
            self.refusals -= 1
            raise ConnectionRefusedError("nobody is there")
        self.peers.append(Peer(make()))
        return self.peers[-1]

    def channel(self) -> Channel:
        return Channel("etcd:2379", None, CLOSED, self.dial)

    async def connected(self, channel: Channel, settings: dict[int, int] | None = None) -> Peer:
        """Let a channel connect by a call, which is answered; return who answered."""
        call = channel.ask("/warm", b"", 5.0, ())
        await settle()
        peer = self.peers[-1]
        await peer.greet(settings)
        await settle()
        peer.feed(answer(1, b""))
        assert await call.outcome == b""
        await settle()
        peer.frames()
        return peer


def header(stream_id: int, block: bytes = STATUS_200, *, last: bool = False) -> bytes:
    flags = frames.END_HEADERS | frames.END_STREAM * last
    return frames.frame(frames.HEADERS, flags, stream_id, block)


def trailers(stream_id: int, block: bytes = OK) -> bytes:
    return header(stream_id, block, last=True)


def data(stream_id: int, payload: bytes, *, last: bool = False) -> bytes:
    return frames.frame(frames.DATA, frames.END_STREAM * last, stream_id, payload)


def message(body: bytes, *, compressed: bool = False) -> bytes:
    return PREFIX.pack(compressed, len(body)) + body


def answer(stream_id: int, body: bytes) -> bytes:
    return header(stream_id) + data(stream_id, message(body)) + trailers(stream_id)


async def settle() -> None:
    """Let everything happen that can, in no time."""
    for _ in range(10):
        await asyncio.sleep(0)
