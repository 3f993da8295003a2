"""What lies below a client: one HTTP request for one answer, or for a stream that goes on.

``transport.HttpTransport`` does it over sockets. Anything else that can (an application called in
process, a recorder in front of another exchange) is an ``Exchange`` too.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from cluster.client.interface import TransportError


class RequestTimeoutError(TransportError):
    """The deadline passed. Whether the server acted is unknown, unless it is a NotSentError."""


class NotSentError(TransportError):
    """Not one byte of the request left this process: it is safe to send it again."""


class Request(NamedTuple):
    """One request, ready but for the connection's own header fields."""

    method: str
    target: str
    """Path and query, percent-encoded."""
    headers: bytes = b""
    r"""Whole header lines, each with its ``\r\n``; no Host, no Content-Length."""
    body: bytes = b""

    @property
    def idempotent(self) -> bool:
        """Whether it may be sent again when the connection tears."""
        return self.method == "GET"


class Response(NamedTuple):
    """A whole answer; of a stream only its head (``body`` is empty)."""

    code: int
    content_type: str
    body: bytes
    received_ns: int
    """``Clock.stamp_ns`` when its last bytes were read."""
    sent_bytes: int
    """All bytes of the request on the socket, head included (before TLS)."""
    received_bytes: int
    retry_after_s: int = 0
    """The Retry-After header; 0 where there is none."""


class Piece(NamedTuple):
    """Bytes of a streamed body that came in one read of the socket."""

    received_ns: int
    data: bytes
    wire_bytes: int
    """What the socket gave, with the framing of HTTP."""


class BodyStream(Protocol):
    """A body that is still coming. Belongs to one reader; close it when done."""

    @property
    def response(self) -> Response:
        """Return the head of the answer; with the body if it is not a success."""
        ...

    async def read(self) -> list[Piece]:
        """Wait for bytes, return all that came; an empty list is the end.

        Raises TransportError when the stream is torn.
        """
        ...

    def close(self) -> None:
        """Leave: the connection is closed, nothing more is read. Idempotent."""
        ...


class Exchange(Protocol):
    """Carries requests. Used from one event loop."""

    async def request(self, request: Request, *, timeout_s: float) -> Response:
        """Send it and return the whole answer, whatever its code.

        Raises RequestTimeoutError, NotSentError or TransportError.
        """
        ...

    async def open_stream(
        self, request: Request, *, timeout_s: float, lifetime_s: float = 0.0
    ) -> BodyStream:
        """Send it on a connection of its own; return when the head of the answer is here.

        ``timeout_s`` is for the head, ``lifetime_s`` for the whole (0: no limit).
        """
        ...

    def close(self) -> None:
        """Drop every connection; what is under way ends with TransportError. Idempotent."""
        ...
