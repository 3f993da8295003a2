"""One watch being served: its writer, and why it ended."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum, auto

from cluster.apiserver.fanout.chunk import Chunk
from cluster.apiserver.fanout.writer import StreamWriter

logger = logging.getLogger(__name__)


class End(Enum):
    """Why a stream is over."""

    TIMEOUT = auto()
    DISCONNECTED = auto()
    SLOW = auto()
    STOPPED = auto()
    """The server shuts down, or the cache lost its place in the store's history."""
    FAILED = auto()
    """It was told an ERROR event."""
    BROKEN = auto()
    """Writing to it failed; its connection is dropped."""


class Stream:
    """A watcher. ``ended`` is resolved once, by whichever end comes first (``Listener``)."""

    __slots__ = ("_readable", "bookmarks", "ended", "writer")

    def __init__(self, *, bookmarks: bool) -> None:
        self.bookmarks = bookmarks
        self.ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._readable = True
        self.writer: StreamWriter | None = None

    def write(self, chunk: Chunk) -> None:
        """Hand bytes to the client without waiting.

        Also after an end that the client is told of: until its task has taken it out of its group,
        it must miss no event, or the bookmark at the end would lie.
        """
        if self._readable and self.writer is not None:
            try:
                self.writer.write(chunk)
            except Exception:
                logger.exception("a watch cannot be written to")
                self._cut_off(End.BROKEN)

    def end(self, why: End) -> None:
        """End it, unless it has ended."""
        if not self.ended.done():
            self.ended.set_result(why)
            if self.writer is not None:
                self.writer.release()

    def disconnected(self) -> None:
        self._readable = False
        self.end(End.DISCONNECTED)

    def overflowed(self) -> None:
        self._cut_off(End.SLOW)

    def stopping(self) -> None:
        self.end(End.STOPPED)

    def _cut_off(self, why: End) -> None:
        self._readable = False
        self.end(why)
        if self.writer is not None:
            self.writer.abort()
