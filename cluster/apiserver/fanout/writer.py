"""The contract of a watch's way to its client."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from cluster.apiserver.fanout.chunk import Chunk


class Listener(Protocol):
    """Whom a writer tells that it can go on no longer; called on the loop."""

    def disconnected(self) -> None:
        """The client has gone."""
        ...

    def overflowed(self) -> None:
        """The client reads too slowly: more waits for it than may."""
        ...

    def stopping(self) -> None:
        """The server wants the response to end."""
        ...


class StreamWriter(Protocol):
    """Writes the body of one response, from after its head to before its end.

    Used inside ``async with``; leaving it waits until what was written has been handed over.
    """

    async def __aenter__(self) -> Self:
        """Begin; the response's head has been sent."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop writing; the end of the response is the caller's."""
        ...

    def write(self, chunk: Chunk) -> None:
        """Hand bytes over without waiting. Hot: once for every watcher and batch."""
        ...

    async def drain(self) -> None:
        """Wait until the client has taken most of what was written, or ``release``."""
        ...

    def release(self) -> None:
        """Let whoever waits in ``drain`` go on: the stream has ended."""
        ...

    def abort(self) -> None:
        """Drop what waits, and the connection if it can be."""
        ...
