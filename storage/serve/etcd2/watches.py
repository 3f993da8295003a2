"""Watches as answers: a long poll takes one event, a stream takes them until it falls behind.

The head is sent at once. A stream writes what it is told at the end of the loop's turn, all of it
in one go. While its client does not read, up to 100 events wait; with one more the stream ends, as
etcd ends it: those that waited are still sent, then the end of the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from storage.etcd2.interface import Watching
from storage.etcd2.model import Event
from storage.serve.etcd2.answers import event_json
from storage.serve.etcd2.connection import Connection

WAITING_MAX: Final = 100
"""Etcd's own constant."""


class Rendered:
    """What was last told of an event: many watches are told of one event in a row."""

    def __init__(self) -> None:
        self._event: Event | None = None
        self._json = b""
        self._chunk = b""

    def of(self, event: Event, *, chunked: bool) -> bytes:
        """Return the event's JSON, a line, as a chunk or as it is."""
        if event is not self._event:
            self._json = line = event_json(event)
            self._chunk = b"%x\r\n%b\r\n" % (len(line), line)
            self._event = event
        return self._chunk if chunked else self._json


class Watch:
    """One watch and the connection that it answers."""

    def __init__(
        self,
        connection: Connection,
        rendered: Rendered,
        *,
        stream: bool,
        on_end: Callable[[], None],
    ) -> None:
        """``on_end`` is called once, when nothing more will be sent."""
        self._connection = connection
        self._rendered = rendered
        self._stream = stream
        self._on_end = on_end
        self._finished = False
        self._watching: Watching | None = None
        self._waiting: list[bytes] = []
        self._begun = False
        self._ended = False
        self._flushes = False
        self._loop = asyncio.get_running_loop()

    @property
    def waits(self) -> bool:
        return True

    def begin(self, watching: Watching, head: bytes) -> None:
        """Send the head, and what was told while the watch began."""
        self._watching = watching
        self._begun = True
        self._connection.begin(head, self)
        if self._waiting or self._ended:
            self._flush()

    # What the engine calls

    def tell(self, event: Event) -> None:
        """Take an event."""
        if self._ended:
            return
        if self._connection.write_paused and len(self._waiting) >= WAITING_MAX:
            self._end()
            return
        self._waiting.append(self._rendered.of(event, chunked=self._connection.chunked))
        if not self._stream:
            self._ended = True
        self._flush_soon()

    def cleared(self) -> None:
        """End: the store was closed."""
        self._ended = True
        self._flush_soon()

    # What the connection calls

    def closed(self) -> None:
        """Forget the watch: the client has gone."""
        self._waiting.clear()
        self._end()
        self._finish()

    def resumed(self) -> None:
        """Send what waited."""
        self._flush_soon()

    def _end(self) -> None:
        self._ended = True
        if self._watching is not None:
            self._watching.cancel()

    def _flush_soon(self) -> None:
        if self._begun and not self._flushes:
            self._flushes = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushes = False
        if self._connection.write_paused or self._finished:
            return
        waiting, self._waiting = self._waiting, []
        if self._ended:
            self._finish()
        self._connection.pieces(waiting, last=self._ended)

    def _finish(self) -> None:
        if not self._finished:
            self._finished = True
            self._on_end()
