"""What goes out on a connection: in one piece for each step of the loop, within the peer's windows.

A call's message goes out as far as the connection's window and its stream's have room; the rest
stays in the call (``blocked``) until the peer gives more. While the transport has more than it
takes, nothing is handed to it: what waits here is certain not to have been sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from storage.http2 import frames
from storage.http2.frames import FRAME_BYTES, HEAD, Code, ProtocolError
from storage.remote.http2.calls import PREFIX, PREFIX_BYTES, Call, Unary

FRAME_BYTES_MAX: Final = 1 << 20
"""Of ours, where the peer would take more."""


class Outgoing:
    """The sending half of a connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.flushed_id = 0
        """The newest stream of which anything was handed to the transport."""
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._newest_id = 0
        self._pieces: list[bytes] = []
        self._paused = False
        self._window = frames.WINDOW_BYTES
        self._stream_window = frames.WINDOW_BYTES
        self._frame_bytes = FRAME_BYTES
        self._blocked: dict[int, Call] = {}

    def open(self, transport: asyncio.Transport) -> None:
        """Write there from now on."""
        self._transport = transport

    def close(self) -> None:
        """There is nothing any more to write to."""
        self._transport = None
        self._blocked.clear()

    def pause(self) -> None:
        """The transport has more than it takes."""
        self._paused = True

    def resume(self) -> None:
        """The transport takes more again."""
        self._paused = False
        self.flush()

    def write(self, text: bytes) -> None:
        """Write whole frames at the end of this step of the loop."""
        if not self._pieces and not self._paused:
            self._loop.call_soon(self.flush)
        self._pieces.append(text)

    def flush(self) -> None:
        """Hand over what there is, if the transport takes it."""
        transport = self._transport
        if not self._pieces or self._paused or transport is None or transport.is_closing():
            return
        text = b"".join(self._pieces)
        self._pieces.clear()
        self.flushed_id = self._newest_id
        transport.write(text)

    def begin(self, call: Call, block: bytes) -> None:
        """Send the header of a call, and what there is of its messages."""
        stream_id = self._newest_id = call.stream_id
        if len(block) > FRAME_BYTES:
            self.write(_split_header(stream_id, block))
        else:
            header = HEAD.pack(len(block) << 8 | frames.HEADERS, frames.END_HEADERS, stream_id)
            self.write(header + block)
        if isinstance(call, Unary):
            size = len(call.unsent)
            whole = size + PREFIX_BYTES
            if whole <= min(self._frame_bytes, self._window, self._stream_window):
                self._window -= whole
                head = HEAD.pack(whole << 8 | frames.DATA, frames.END_STREAM, stream_id)
                self._pieces += head + PREFIX.pack(0, size), call.unsent
                call.unsent = b""
                return
            call.unsent = PREFIX.pack(0, size) + call.unsent
        call.window = self._stream_window
        if call.unsent:
            self.send(call)

    def send(self, call: Call) -> None:
        """Send as much of a call's messages as there is room for; the rest later."""
        self._blocked[call.stream_id] = call
        unsent, stream_id = call.unsent, call.stream_id
        room = min(self._window, call.window, len(unsent))
        at = 0
        while at < room:
            end = min(at + self._frame_bytes, room)
            flags = frames.END_STREAM if call.whole and end == len(unsent) else 0
            self.write(frames.frame(frames.DATA, flags, stream_id, unsent[at:end]))
            at = end
        if at:
            self._window -= at
            call.window -= at
            call.unsent = unsent[at:]
        if not call.unsent:
            del self._blocked[stream_id]

    def forget(self, call: Call) -> None:
        """Send nothing more of a call."""
        if self._blocked:
            self._blocked.pop(call.stream_id, None)

    def widen(self, more: int) -> None:
        """The peer takes so much more on the connection. Raises ProtocolError."""
        self._window += more
        if self._window > frames.WINDOW_MAX:
            raise ProtocolError(Code.FLOW_CONTROL_ERROR, "too large a window")
        self._send_blocked()

    def widen_stream(self, call: Call, more: int) -> None:
        """The peer takes so much more of a call."""
        call.window += more
        if call.unsent:
            self.send(call)

    def set_stream_window(self, size: int, calls: Iterable[Call]) -> None:
        """The peer takes so much of each call, those under way too. Raises ProtocolError."""
        if size > frames.WINDOW_MAX:
            raise ProtocolError(Code.FLOW_CONTROL_ERROR, "too large a window")
        more, self._stream_window = size - self._stream_window, size
        for call in calls:
            call.window += more
        self._send_blocked()

    def set_frame_bytes(self, size: int) -> None:
        """The peer takes frames up to that. Raises ProtocolError."""
        if not FRAME_BYTES <= size < 1 << 24:
            raise ProtocolError(Code.PROTOCOL_ERROR, "a frame size that cannot be")
        self._frame_bytes = min(size, FRAME_BYTES_MAX)

    def _send_blocked(self) -> None:
        for call in list(self._blocked.values()):
            self.send(call)


def _split_header(stream_id: int, block: bytes) -> bytes:
    """Return a header block that is too long for a frame."""
    pieces = [block[at : at + FRAME_BYTES] for at in range(0, len(block), FRAME_BYTES)]
    last = len(pieces) - 1
    return b"".join(
        frames.frame(
            frames.CONTINUATION if number else frames.HEADERS,
            frames.END_HEADERS if number == last else 0,
            stream_id,
            piece,
        )
        for number, piece in enumerate(pieces)
    )
