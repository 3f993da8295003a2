"""One connection of a client: frames in, frames out, windows, and the calls on it.

How it works. Whatever has been received is taken apart at once, in the step of the loop that
brought it; calls begin there. Answers are written in one piece where the peer's windows allow it,
which is nearly always; else they wait in their call for more window, as do long ones for their turn
and for the transport.

**What bounds memory.** A call's messages: the window that a stream has of us, and the bound of a
message. Answers: those of the calls under way. While the transport has more than it takes to write,
nothing more is read from the peer. The window of the whole connection is as large as can be: it
would add nothing to these.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, cast

from storage.http2 import frames
from storage.http2.frames import HEAD, HEAD_BYTES, STREAM_MASK, Code, ProtocolError
from storage.http2.hpack import Decoder, HpackError
from storage.serve.http2.calls import Call
from storage.serve.http2.methods import Head, Method, head_of
from storage.serve.http2.plain import Pages, PlainRequest
from storage.serve.http2.turns import Turns
from storage.serve.http2.unsent import Stream

STREAMS_MAX: Final = 1 << 16
HEADER_BYTES_MAX: Final = 64 << 10
"""Of a request, in however many frames; what we announce is a quarter of it."""
CREDIT_BYTES: Final = 1 << 30
"""So much received, and the window of the connection is made whole again."""


class Host(Protocol):
    """What a connection needs of its server."""

    loop: asyncio.AbstractEventLoop
    message_bytes: int
    """What a message of a client may hold."""
    pages: Pages | None
    """What is answered over HTTP/1.1, if anything."""
    turns: Turns
    """Those of long answers."""
    farewell: str
    """What calls are told that would go on for ever, when the server ends."""

    def method(self, head: Head) -> Method:
        """Return the method that a call asks for, or one that refuses it."""
        ...

    def cancel(self, task: asyncio.Task[None]) -> None:
        """Cancel the task of a call that has ended."""
        ...

    def joined(self, connection: Connection) -> None:
        """Know of a connection until it has left."""
        ...

    def left(self, connection: Connection) -> None:
        """Know of it no longer."""
        ...


def _nowhere(_data: bytes) -> None:
    return


class Connection(asyncio.Protocol):
    """A client's connection, from its preface to its end."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.window = frames.WINDOW_BYTES
        """How much the peer lets us send yet, over all streams."""
        self.stream_window = frames.WINDOW_BYTES
        """How much it lets us send on a new stream."""
        self.write: Callable[[bytes], None] = _nowhere
        self.paused = False
        self.loop = host.loop
        self.cancel = host.cancel
        self.message_bytes = host.message_bytes
        self.credit_bytes = host.message_bytes // 2
        self.turns = host.turns
        self.calls: dict[int, Call] = {}
        self._decoder = Decoder(head_of)
        self._rest = b""
        self._greeted = False
        self._plain: PlainRequest | None = None
        self._last_stream = 0
        self._leaving = False
        self._continued: tuple[int, int, bytes] | None = None
        """Stream, flags and what there is of a header block that goes on."""
        self._received = 0
        self._kinds: tuple[Callable[[int, int, bytes], None], ...] = (
            self._data,
            self._headers,
            self._ignored,  # priority
            self._reset,
            self._settings,
            self._pushed,
            self._ping,
            self._ignored,  # the client goes away: it closes the connection when it wants to
            self._window_update,
            self._continuation,
        )

    # Called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As ``asyncio.Protocol``."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are of no class of these
        self.write = self.transport.write
        self.host.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """As ``asyncio.Protocol``."""
        self.host.left(self)
        if self._plain is not None and self._plain.task is not None:
            self.cancel(self._plain.task)
        self._lose_calls()
        # No circles: what survives a while is taken out of the collector's sight.
        self._kinds = ()
        self.write = _nowhere

    def eof_received(self) -> bool:
        """As ``asyncio.Protocol``: whoever asked for a page may send no more, and is answered."""
        plain = self._plain
        asked = plain is not None and plain.task is not None
        return asked and self.transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """As ``asyncio.Protocol``."""
        self.paused = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """As ``asyncio.Protocol``."""
        self.paused = False
        if not self.transport.is_closing():
            self.transport.resume_reading()
        for call in list(self.calls.values()):
            call.resumed()

    def data_received(self, data: bytes) -> None:
        """As ``asyncio.Protocol``."""
        if self._plain is not None:
            self._plain.received(data)
            return
        if self._rest:
            data = self._rest + data
        try:
            at = 0 if self._greeted else self._greet(data)
            if self._greeted:
                self._rest = data[self._take(data, at) :]
            elif self._plain is None:
                self._rest = data
        except ProtocolError as error:
            self._end(error.code, str(error))
        except HpackError as error:
            self._end(Code.COMPRESSION_ERROR, str(error))

    # Called by the server

    def leave(self) -> None:
        """Take no more calls, and close when those under way have ended."""
        if self._leaving:
            return
        self._leaving = True
        if self._greeted:
            self.write(frames.goaway(self._last_stream, Code.NO_ERROR))
        for call in list(self.calls.values()):
            call.leave(self.host.farewell)
        self._close_if_done()

    def abort(self) -> None:
        """End it, whatever is under way, though the peer should never read what it was sent."""
        self._lose_calls()
        self.transport.abort()

    def ended(self, call: Stream) -> None:
        """Forget a call."""
        self.calls.pop(call.stream_id, None)
        if self._leaving:
            self._close_if_done()

    def _close_if_done(self) -> None:
        if not self.calls:
            self.transport.close()

    # Frames

    def _greet(self, data: bytes) -> int:
        """Take the preface, and answer with ours; return where frames begin."""
        preface = frames.PREFACE
        if data[: len(preface)] != preface[: len(data)]:
            if self.host.pages is None:
                raise ProtocolError(Code.PROTOCOL_ERROR, "this is not HTTP/2")
            self._plain = PlainRequest(self.transport, self.host.pages)
            self._plain.received(data)
            return 0
        if len(data) < len(preface):
            return 0
        self._greeted = True
        host = self.host
        announced = {
            frames.MAX_CONCURRENT_STREAMS: STREAMS_MAX,
            # a message finds room in it, so that only streams of requests need more
            frames.INITIAL_WINDOW_SIZE: host.message_bytes + frames.FRAME_BYTES,
            frames.MAX_HEADER_LIST_SIZE: HEADER_BYTES_MAX // 4,
        }
        more = frames.WINDOW_MAX - frames.WINDOW_BYTES
        self.write(frames.settings(announced) + frames.window_update(0, more))
        return len(preface)

    def _take(self, data: bytes, at: int) -> int:
        """Take all whole frames from ``at`` on; return where the rest begins."""
        end, unpack, kinds = len(data), HEAD.unpack_from, self._kinds
        while end - at >= HEAD_BYTES:
            word, flags, stream_id = unpack(data, at)
            size, kind = word >> 8, word & 0xFF
            if size > frames.FRAME_BYTES:
                raise ProtocolError(Code.FRAME_SIZE_ERROR, f"a frame of {size} bytes")
            start = at + HEAD_BYTES
            if start + size > end:
                break
            at = start + size
            if self._continued is not None and kind != frames.CONTINUATION:
                raise ProtocolError(Code.PROTOCOL_ERROR, "a header block was broken off")
            if kind < len(kinds):
                kinds[kind](flags, stream_id & STREAM_MASK, data[start:at])
        return at

    def _headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if flags & (frames.PADDED | frames.WITH_PRIORITY):
            payload = frames.unpadded(flags, payload)
        if not stream_id & 1:
            raise ProtocolError(Code.PROTOCOL_ERROR, "a stream that clients do not begin")
        if flags & frames.END_HEADERS:
            self._begin(flags, stream_id, payload)
        else:
            self._continued = stream_id, flags, payload

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
            self._begin(first_flags, stream_id, block)

    def _begin(self, flags: int, stream_id: int, block: bytes) -> None:
        """Begin a call, or take the trailers of one."""
        head = self._decoder.decode(block)
        ended = bool(flags & frames.END_STREAM)
        if stream_id <= self._last_stream:
            call = self.calls.get(stream_id)
            if call is not None and ended:
                call.received(b"", ended=True)
            return
        self._last_stream = stream_id
        if self._leaving or len(self.calls) >= STREAMS_MAX:  # the client did not know yet
            self.write(frames.reset(stream_id, Code.REFUSED_STREAM))
            return
        call = self.calls[stream_id] = Call(self, stream_id, self.host.method(head))
        call.begin(ended=ended)

    def _data(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._received += len(payload)
        if self._received >= CREDIT_BYTES:
            self.write(frames.window_update(0, self._received))
            self._received = 0
        call = self.calls.get(stream_id)
        if call is None:
            if stream_id > self._last_stream or not stream_id:
                raise ProtocolError(Code.PROTOCOL_ERROR, "data of no stream")
            return  # of a call that has been answered
        if flags & frames.PADDED:
            size = len(payload)
            payload = frames.unpadded(flags & frames.PADDED, payload)
            call.credit(size - len(payload))
        call.received(payload, ended=bool(flags & frames.END_STREAM))

    def _reset(self, _flags: int, stream_id: int, payload: bytes) -> None:
        frames.number_of(payload)
        call = self.calls.get(stream_id)
        if call is not None:
            self.ended(call)
            call.lost()

    def _settings(self, flags: int, _stream_id: int, payload: bytes) -> None:
        if flags & frames.ACK:
            return
        for setting, value in frames.read_settings(payload):
            if setting == frames.INITIAL_WINDOW_SIZE:
                if value > frames.WINDOW_MAX:
                    raise ProtocolError(Code.FLOW_CONTROL_ERROR, "too large a window")
                more, self.stream_window = value - self.stream_window, value
                for call in self.calls.values():
                    call.window += more
        # First of all: a client takes data beyond its former windows for an error until it is told.
        self.write(frames.frame(frames.SETTINGS, frames.ACK, 0, b""))
        for call in list(self.calls.values()):
            call.go_on()

    def _ping(self, flags: int, _stream_id: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise ProtocolError(Code.FRAME_SIZE_ERROR, "a ping of another length")
        if not flags & frames.ACK:
            self.write(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        more = frames.number_of(payload) & STREAM_MASK
        if not stream_id:
            empty = self.window <= 0  # else no call waits for it
            self.window += more
            if self.window > frames.WINDOW_MAX:
                raise ProtocolError(Code.FLOW_CONTROL_ERROR, "too large a window")
            if empty:
                for call in list(self.calls.values()):
                    call.go_on()
            return
        waiting = self.calls.get(stream_id)
        if waiting is not None:
            waiting.window += more
            waiting.go_on()

    def _pushed(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise ProtocolError(Code.PROTOCOL_ERROR, "a client does not push")

    def _ignored(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        return

    def _end(self, code: Code, reason: str) -> None:
        self.write(frames.goaway(self._last_stream, code, reason))
        self._lose_calls()
        self.transport.close()

    def _lose_calls(self) -> None:
        calls, self.calls = self.calls, {}
        for call in calls.values():
            call.lost()
