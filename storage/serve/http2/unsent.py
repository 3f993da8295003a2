"""What a call has to send that its peer's windows, the transport or its turn had no room for yet.

An answer of many megabytes leaves in slices, so that others have their turn between two of them,
and not before the transport has taken what it was given: what waits is held here, once.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from storage.http2 import frames
from storage.http2.frames import FRAME_BYTES, HEAD

SLICE_BYTES: Final = 1 << 20
"""Sent in one turn of the loop: 0.3 ms or so on loopback, where the kernel copies it twice."""


class Windows(Protocol):
    """What of a connection decides how much may be sent."""

    window: int
    """How much the peer lets us send yet, over all streams."""
    paused: bool
    """The transport has more than it takes."""


class Stream(Protocol):
    """What of a stream does."""

    stream_id: int
    window: int
    """How much the peer lets us send on it yet."""


class Unsent:
    """Payloads of one stream, in their order."""

    __slots__ = ("_payloads", "patient", "queued")

    def __init__(self, *, patient: bool = False) -> None:
        self._payloads: deque[memoryview] = deque()
        self.patient = patient
        """Whether it waits for the transport. A stream's messages do not: there is one at a time,
        and what is to be heard at once does not stand behind a long answer."""
        self.queued = False
        """Whether it waits for its turn."""

    def __len__(self) -> int:
        """Return how many payloads there are, begun ones among them."""
        return len(self._payloads)

    def add(self, payload: bytes) -> None:
        """Add one."""
        self._payloads.append(memoryview(payload))

    def slice(self, wire: Windows, stream: Stream) -> tuple[list[bytes | memoryview], bool]:
        """Take the frames that may be sent now; say whether a turn is all that more waits for."""
        payloads = self._payloads
        if wire.paused and self.patient:
            return [], False
        pieces: list[bytes | memoryview] = []
        left = SLICE_BYTES
        while payloads:
            payload = payloads[0]
            room = min(FRAME_BYTES, stream.window, wire.window, len(payload))
            if room <= 0:
                break
            if left <= 0:
                return pieces, True
            if room == len(payload):
                payloads.popleft()
            else:
                payloads[0] = payload[room:]
            left -= room
            stream.window -= room
            wire.window -= room
            pieces += [HEAD.pack(room << 8 | frames.DATA, 0, stream.stream_id), payload[:room]]
        return pieces, False
