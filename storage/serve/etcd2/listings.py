"""Long listings as answers in pieces: the loop is free for others between two of them.

How this works. What a listing shows is taken in one step, as it was when it was asked; its records
never change, so it can be rendered later. That, and sending, is done in turns of a bounded cost,
one listing a turn, however many there are. While a client does not read, its listing takes no
turns: no more waits to be sent than one piece and what the transport lets pile up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from storage.etcd2.model import Event
from storage.serve.etcd2.answers import listing_json
from storage.serve.etcd2.connection import Connection

NODE_COST: Final = 2200
"""What a node costs beside its bytes, in bytes: 0.8 us and 0.35 ns a byte were measured."""
TURN_COST: Final = 1 << 20
"""Of a turn: about half a millisecond with sending; 300 nodes of 1.1 KB, a single large one, or 470
small ones. Those that end take three times as long."""


class Rendering:
    """A listing's JSON, piece by piece."""

    def __init__(self, event: Event) -> None:
        """``event`` is an answer to a read of a directory."""
        self._rest = listing_json(event)
        self.ended = False
        """Whether the last piece has been returned."""

    def piece(self) -> bytes:
        """Return the next; all but the last are longer than any body whose length is told."""
        parts: list[bytes] = []
        cost = 0
        for part in self._rest:
            parts.append(part)
            cost += len(part) + NODE_COST
            if cost >= TURN_COST:
                break
        else:
            self.ended = True
        return b"".join(parts)


class Turns:
    """Lets listings go on one after the other, one in a turn of the loop."""

    def __init__(self) -> None:
        self._waiting: deque[Listing] = deque()
        self._running = False
        self._loop = asyncio.get_running_loop()

    def take(self, listing: Listing) -> None:
        """Let a listing go on in its turn."""
        self._waiting.append(listing)
        if not self._running:
            self._running = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        listing = self._waiting.popleft()
        self._running = bool(self._waiting)
        if self._running:
            self._loop.call_soon(self._turn)
        listing.go_on()


class Listing:
    """One listing and the connection that it answers."""

    def __init__(self, connection: Connection, rendering: Rendering, turns: Turns) -> None:
        self._connection = connection
        self._rendering: Rendering | None = rendering
        self._turns = turns
        self._queued = False

    @property
    def waits(self) -> bool:
        return False

    def begin(self, head: bytes, piece: bytes) -> None:
        """Send the head and the first piece; the others follow."""
        if self._connection.gone:
            return
        self._connection.begin(head, self)
        self._send(piece, last=False)
        self.resumed()

    def go_on(self) -> None:
        """Send the next piece, unless the client has ceased to read, or has gone."""
        self._queued = False
        rendering = self._rendering
        if rendering is None or self._connection.write_paused:
            return
        piece = rendering.piece()
        if rendering.ended:
            self._rendering = None
        self._send(piece, last=rendering.ended)
        self.resumed()

    # What the connection calls

    def closed(self) -> None:
        """Forget it all: the client has gone."""
        self._rendering = None

    def resumed(self) -> None:
        """Go on in the next turn."""
        if self._rendering is None or self._queued or self._connection.write_paused:
            return
        self._queued = True
        self._turns.take(self)

    def _send(self, piece: bytes, *, last: bool) -> None:
        if piece and self._connection.chunked:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        self._connection.pieces([piece] if piece else [], last=last)
