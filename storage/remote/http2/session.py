"""One connection to a server: frames out, frames in, windows, and the calls on it.

How it works. All that is to be written in one step of the loop leaves in one piece at its end
(``outgoing``). What is received is taken apart in the step that brought it (``data_received``, the
hot path: three frames a call), and each call is told what is its own. A call goes out as soon as
the peer takes one more stream; its message as far as the peer's windows have room.

**What is certain when it ends.** A call whose header was never handed to the transport, that the
peer says it has not looked at (GOAWAY, REFUSED_STREAM), or that still waited for its turn was not
sent, and its failure says so. Of all others nobody knows.

**What bounds memory.** A stream of messages: its window, given back as it is read. Single answers
are as large as they are. The window of the whole connection is as large as can be.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol, cast

from storage.http2 import frames
from storage.http2.frames import FRAME_BYTES, HEAD, HEAD_BYTES, STREAM_MASK, Code, ProtocolError
from storage.http2.hpack import TABLE_BYTES, Decoder, HpackError
from storage.remote.http2.calls import STREAM_WINDOW_BYTES, Call
from storage.remote.http2.failures import RpcError, not_sent
from storage.remote.http2.headers import Encoder, head_of
from storage.remote.http2.outgoing import Outgoing
from storage.remote.http2.silence import Silence

CREDIT_BYTES: Final = 1 << 30
"""So much received, and the window of the connection is made whole again."""
HEADER_BYTES_MAX: Final = 64 << 10
STREAM_ID_MAX: Final = STREAM_MASK - 2
_GREETING: Final = (
    frames.PREFACE
    + frames.settings({frames.ENABLE_PUSH: 0, frames.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES})
    + frames.window_update(0, frames.WINDOW_MAX - frames.WINDOW_BYTES)
)
_SETTINGS_ACK: Final = frames.frame(frames.SETTINGS, frames.ACK, 0, b"")


class Host(Protocol):
    """What a session needs of its channel."""

    loop: asyncio.AbstractEventLoop

    def ended(self, call: Call) -> None:
        """Know that a call is over."""
        ...

    def leaves(self, session: ClientSession) -> None:
        """Give it no more calls: it ends, now or when its calls have ended."""
        ...


class ClientSession(asyncio.Protocol):
    """A connection. It takes calls from when ``greeted`` has been set until ``leaving``."""

    def __init__(self, host: Host, encoder: Encoder) -> None:
        self.greeted: asyncio.Future[None] = host.loop.create_future()
        """Done when the server has said what it takes; never where it says nothing."""
        self.gone: asyncio.Future[None] = host.loop.create_future()
        """Done when the connection has ended."""
        self.leaving = False
        self.reason = "the connection broke"
        """Why it has ended."""
        self._host = host
        self._loop = host.loop
        self._encoder = encoder
        self._decoder = Decoder(head_of)
        self._transport: asyncio.Transport | None = None
        self._outgoing = Outgoing(host.loop)
        self._write = self._outgoing.write
        self._silence = Silence(host.loop, self._busy, self._ping, self._fall_silent)
        self._calls: dict[int, Call] = {}
        self._waiting: deque[Call] = deque()
        """For the peer to take one stream more."""
        self._next_id = 1
        self._streams_max = STREAM_MASK
        self._rest = b""
        self._received = 0
        self._continued: tuple[int, int, bytes] | None = None
        """Stream, flags and what there is of a header block that goes on."""
        self._kinds = {
            frames.RST_STREAM: self._reset,
            frames.SETTINGS: self._settings,
            frames.PUSH_PROMISE: self._pushed,
            frames.PING: self._pinged,
            frames.GOAWAY: self._goaway,
            frames.WINDOW_UPDATE: self._window_update,
            frames.CONTINUATION: self._continuation,
        }

    # Called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As ``asyncio.Protocol``."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no class of these
        self._transport.write(_GREETING)
        self._outgoing.open(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """As ``asyncio.Protocol``."""
        if exc is not None:
            self.reason = f"the connection broke: {exc}".partition("\n")[0]
        self._lose_calls()
        self._transport = None
        self._outgoing.close()
        self._kinds = {}  # no circles
        if not self.gone.done():
            self.gone.set_result(None)

    def pause_writing(self) -> None:
        """As ``asyncio.Protocol``."""
        self._outgoing.pause()

    def resume_writing(self) -> None:
        """As ``asyncio.Protocol``."""
        self._outgoing.resume()

    def data_received(self, data: bytes) -> None:
        """As ``asyncio.Protocol``."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._silence.heard()
        if self._rest:
            data = self._rest + data
        try:
            self._rest = data[self._take(data) :]
        except ProtocolError as error:
            self._break(error.code, str(error))
        except HpackError as error:
            self._break(Code.COMPRESSION_ERROR, str(error))

    # Called by the channel and by calls

    def begin(self, call: Call) -> None:
        """Send a call, now or when the peer takes one more."""
        call.session = self
        if self._waiting or len(self._calls) >= self._streams_max:
            self._waiting.append(call)
        else:
            self._begin(call)

    def send(self, call: Call) -> None:
        """As ``calls.Session``."""
        self._outgoing.send(call)

    def drop(self, call: Call) -> None:
        """As ``calls.Session``."""
        if call.stream_id in self._calls:
            self._write(frames.reset(call.stream_id, Code.CANCEL))
            self._forget(call)
        else:
            if call in self._waiting:
                self._waiting.remove(call)
            self._host.ended(call)

    def credit(self, call: Call, size: int) -> None:
        """As ``calls.Session``."""
        self._write(frames.window_update(call.stream_id, size))

    def abort(self) -> None:
        """End the connection at once; it has no calls."""
        self.leaving = True
        if self._transport is not None:
            self._transport.abort()

    async def close(self, error: RpcError, patience_s: float) -> None:
        """Fail all calls with this error, and end the connection."""
        for call in [*self._calls.values(), *self._waiting]:
            call.fail(error)
        self._break(Code.NO_ERROR, "")
        try:
            async with asyncio.timeout(patience_s):
                await asyncio.shield(self.gone)
        except TimeoutError:
            if self._transport is not None:
                self._transport.abort()
            await self.gone

    # Calls

    def _begin(self, call: Call) -> None:
        stream_id = self._next_id
        self._next_id += 2
        call.stream_id = stream_id
        self._calls[stream_id] = call
        self._silence.watch()
        block = self._encoder.block(call.path, call.metadata, call.timeout_s)
        self._outgoing.begin(call, block)
        if stream_id >= STREAM_ID_MAX:
            self._leave()

    def _forget(self, call: Call) -> None:
        """A stream is over; another call may take its place."""
        del self._calls[call.stream_id]
        self._outgoing.forget(call)
        self._host.ended(call)
        if self._waiting:
            self._begin_waiting()
        if not self._calls and self.leaving and self._transport is not None:
            self._outgoing.flush()
            self._transport.close()

    def _begin_waiting(self) -> None:
        while self._waiting and len(self._calls) < self._streams_max:
            self._begin(self._waiting.popleft())

    def _leave(self) -> None:
        """Take no more calls; those that have no stream yet go nowhere here."""
        if self.leaving:
            return
        self.leaving = True
        self._host.leaves(self)
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            call.fail(not_sent("the peer is going away"))
            self._host.ended(call)
        if not self._calls and self._transport is not None:
            self._transport.close()

    def _lose_calls(self) -> None:
        """Everything on this connection is over."""
        self._silence.stop()
        self._leave()
        calls, self._calls = self._calls, {}
        for stream_id, call in calls.items():
            sent = stream_id <= self._outgoing.flushed_id
            call.fail(RpcError("UNAVAILABLE", self.reason) if sent else not_sent(self.reason))
            self._host.ended(call)

    def _busy(self) -> bool:
        return bool(self._calls)

    def _ping(self) -> None:
        self._write(frames.frame(frames.PING, 0, 0, b"kubedyno"))

    def _fall_silent(self) -> None:
        self.reason = "the connection fell silent"
        self._lose_calls()
        if self._transport is not None:
            self._transport.abort()

    def _break(self, code: Code, reason: str) -> None:
        """End the connection, and say why."""
        if reason:
            self.reason = f"the peer broke HTTP/2: {reason}"
        self._write(frames.goaway(0, code, reason))
        self._outgoing.flush()
        self._lose_calls()
        if self._transport is not None:
            self._transport.close()

    # Frames

    def _take(self, data: bytes) -> int:
        """Take all whole frames; return where the rest begins."""
        at, end, unpack = 0, len(data), HEAD.unpack_from
        while end - at >= HEAD_BYTES:
            word, flags, stream_id = unpack(data, at)
            size, kind = word >> 8, word & 0xFF
            if size > FRAME_BYTES:
                raise ProtocolError(Code.FRAME_SIZE_ERROR, f"a frame of {size} bytes")
            start = at + HEAD_BYTES
            if start + size > end:
                break
            at = start + size
            stream_id &= STREAM_MASK
            if self._continued is not None and kind != frames.CONTINUATION:
                raise ProtocolError(Code.PROTOCOL_ERROR, "a header block was broken off")
            if kind == frames.DATA:
                self._data(flags, stream_id, data[start:at])
            elif kind == frames.HEADERS:
                self._headers(flags, stream_id, data[start:at])
            elif kind in self._kinds:
                self._kinds[kind](flags, stream_id, data[start:at])
        return at

    def _data(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._received += len(payload)
        if self._received >= CREDIT_BYTES:
            self._write(frames.window_update(0, self._received))
            self._received = 0
        call = self._calls.get(stream_id)
        if call is None:
            self._check_ours(stream_id)
            return  # of a call that nobody waits for any more
        if flags & frames.PADDED:
            size = len(payload)
            payload = frames.unpadded(frames.PADDED, payload)
            self.credit(call, size - len(payload))
        if payload:
            call.received(payload)
        if flags & frames.END_STREAM and not call.ended:
            call.finished(None)
            self._forget(call)

    def _headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if flags & (frames.PADDED | frames.WITH_PRIORITY):
            payload = frames.unpadded(flags, payload)
        if not flags & frames.END_HEADERS:
            self._continued = stream_id, flags, payload
            return
        head = self._decoder.decode(payload)
        call = self._calls.get(stream_id)
        if call is None:
            self._check_ours(stream_id)
        elif flags & frames.END_STREAM:
            call.finished(head)
            if call.unsent or not call.whole:  # the peer wants no more of it
                self._write(frames.reset(stream_id, Code.CANCEL))
            self._forget(call)
        else:
            call.head(head)

    def _continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._continued is None or self._continued[0] != stream_id:
            raise ProtocolError(Code.PROTOCOL_ERROR, "nothing is to be continued")
        _, first_flags, block = self._continued
        block += payload
        if len(block) > HEADER_BYTES_MAX:
            raise ProtocolError(Code.ENHANCE_YOUR_CALM, "too many header fields")
        self._continued = stream_id, first_flags, block
        if flags & frames.END_HEADERS:
            self._continued = None
            self._headers(first_flags & frames.END_STREAM | frames.END_HEADERS, stream_id, block)

    def _check_ours(self, stream_id: int) -> None:
        if not stream_id & 1 or stream_id >= self._next_id:
            raise ProtocolError(Code.PROTOCOL_ERROR, f"a stream {stream_id} that nobody began")

    def _reset(self, _flags: int, stream_id: int, payload: bytes) -> None:
        code = frames.number_of(payload)
        call = self._calls.get(stream_id)
        if call is None:
            self._check_ours(stream_id)
            return
        if code == Code.REFUSED_STREAM:
            call.fail(not_sent("the peer refused the stream"))
        elif code == Code.CANCEL:
            call.fail(RpcError("CANCELLED", "the peer cancelled the stream"))
        else:
            call.fail(RpcError("INTERNAL", f"the peer reset the stream with code {code}"))
        self._forget(call)

    def _settings(self, flags: int, _stream_id: int, payload: bytes) -> None:
        if flags & frames.ACK:
            return
        self._write(_SETTINGS_ACK)
        for setting, value in frames.read_settings(payload):
            if setting == frames.INITIAL_WINDOW_SIZE:
                self._outgoing.set_stream_window(value, self._calls.values())
            elif setting == frames.MAX_FRAME_SIZE:
                self._outgoing.set_frame_bytes(value)
            elif setting == frames.MAX_CONCURRENT_STREAMS:
                self._streams_max = value
            elif setting == frames.HEADER_TABLE_SIZE and value < TABLE_BYTES:
                self._encoder.stop_indexing()
        if not self.greeted.done():
            self.greeted.set_result(None)
        self._begin_waiting()

    def _pinged(self, flags: int, _stream_id: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise ProtocolError(Code.FRAME_SIZE_ERROR, "a ping of another length")
        if not flags & frames.ACK:
            self._write(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _goaway(self, _flags: int, _stream_id: int, payload: bytes) -> None:
        last = frames.number_of(payload[:4]) & STREAM_MASK
        code = frames.number_of(payload[4:8])
        self.reason = f"the peer went away with code {code}"
        self._leave()
        for call in [call for at, call in self._calls.items() if at > last]:
            call.fail(not_sent("the peer went away before it looked at it"))
            self._forget(call)

    def _window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        more = frames.number_of(payload) & STREAM_MASK
        if not stream_id:
            self._outgoing.widen(more)
            return
        call = self._calls.get(stream_id)
        if call is not None:
            self._outgoing.widen_stream(call, more)

    def _pushed(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise ProtocolError(Code.PROTOCOL_ERROR, "the server pushes")
