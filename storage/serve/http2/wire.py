"""A connection as its calls see it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from storage.serve.http2.turns import Turns
from storage.serve.http2.unsent import Stream, Windows


class Wire(Windows, Protocol):
    """What a call needs of its connection."""

    stream_window: int
    """How much the peer lets us send on a new stream."""
    loop: asyncio.AbstractEventLoop
    message_bytes: int
    """What a message of the client may hold."""
    credit_bytes: int
    """So much of a stream taken, and the client hears that it may send as much again."""
    turns: Turns
    """Those of all long answers of the server."""

    def write(self, data: bytes) -> None:
        """Send frames."""
        ...

    def cancel(self, task: asyncio.Task[None]) -> None:
        """Cancel the task of a call that has ended."""
        ...

    def ended(self, call: Stream) -> None:
        """Forget a call."""
        ...
