"""One client connection: HTTP/1.1 on httptools over an asyncio Protocol, one request at a time.

Hot path: 2000 hollow nodes send through here, so a request costs one future, one ``write`` and no
task; the deadline is a timer that is armed once and then only moved (``_deadline_passed``).

States: *connecting* → *idle* ⇄ *busy* → *closed*. A connection goes back to idle only after a whole
answer that allows it, with no bytes left over; in every other case (torn, cancelled, timed out,
unasked-for bytes) it is closed and never used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

import httptools

from cluster.client.exchange import NotSentError, Piece, RequestTimeoutError, Response
from cluster.client.interface import TransportError
from cluster.client.streams import StreamReader
from storage.clock import Clock

HEAD_BYTES_MAX: Final = 64 * 1024
BODY_BYTES_MAX: Final = 1024 * 1024 * 1024
"""A LIST of 60,000 pods in JSON is 150 MB; more than this is no Kubernetes answer."""


class Connection(asyncio.Protocol):
    """A socket and the one answer that it is waiting for."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        *,
        on_idle: Callable[[Connection], None],
        on_closed: Callable[[Connection], None],
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._stream: StreamReader | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self.served = 0
        """Whole answers so far; above 0 the server may have closed it behind our back."""
        self.idle_since = 0.0
        """``loop.time()`` at which it last became idle."""
        self._sent_bytes = 0
        self._reset()

    def _reset(self) -> None:
        self._code = 0
        self._content_type = b""
        self._retry_after = b""
        self._delimited = False
        self._head_complete = False
        self._complete = False
        self._keep_alive = False
        self._misbehaved = ""
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._received_bytes = 0
        self._reported_bytes = 0

    def __repr__(self) -> str:
        state = "idle" if self._answer is None and self._stream is None else "busy"
        return f"<Connection {state if self.usable else 'closed'} served={self.served}>"

    @property
    def usable(self) -> bool:
        """Whether a request may be sent now, as far as this end knows."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def answer_begun(self) -> bool:
        """Whether bytes of the present (or last, torn) answer have come."""
        return self._received_bytes > 0

    def send(
        self, payload: bytes, deadline: float, stream: StreamReader | None = None
    ) -> asyncio.Future[Response]:
        """Write one request; the future brings its answer, or TransportError.

        ``deadline`` is in ``loop.time()``. With ``stream`` the body of a success goes there, and
        the future brings the head. Raises NotSentError if the connection has been closed.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise NotSentError("the connection was closed before the request was written")
        assert self._answer is None
        self._reset()
        self._sent_bytes = len(payload)
        self._stream = stream
        self._answer = answer = self._loop.create_future()
        self.set_deadline(deadline)
        transport.write(payload)
        return answer

    def set_deadline(self, deadline: float) -> None:
        """Move the deadline of what is under way (0: none)."""
        self._deadline = deadline
        if deadline and (self._timer is None or deadline < self._timer_at):
            self._arm(deadline)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._deadline_passed)
        self._timer_at = at

    def _deadline_passed(self) -> None:
        self._timer = None
        busy = self._answer is not None or self._stream is not None
        if not busy or not self._deadline:
            return
        # Deadlines mostly move on before the timer fires: follow rather than re-arm per request.
        if self._loop.time() < self._deadline:
            self._arm(self._deadline)
        else:
            self.abort(RequestTimeoutError("no answer within the deadline"))

    def abort(self, error: TransportError | None = None) -> None:
        """Close at once; what is under way ends with ``error``. Idempotent."""
        transport, self._transport = self._transport, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._fail(error or TransportError("the connection was closed by this client"))
        if transport is not None:
            transport.abort()
            self._on_closed(self)

    def _fail(self, error: TransportError) -> None:
        answer, self._answer = self._answer, None
        stream, self._stream = self._stream, None
        if answer is not None and not answer.done():
            answer.set_exception(error)
        elif stream is not None:
            stream.end(error)

    def pause(self) -> None:
        """Stop reading the socket until ``resume``."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None:
            self._transport.resume_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, for uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        busy = self._answer is not None or self._stream is not None
        if busy and self._head_complete and not self._delimited:
            # No length and not chunked: the end of the connection is the end of the body.
            self._finish(keep=False)
        self.abort(TransportError(f"the connection was torn: {exc or 'closed by the server'}"))
        self._parser = httptools.HttpResponseParser(object())  # the old one leads back here

    def data_received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._misbehaved = f"no HTTP answer: {error}"
        if not self._head_complete and self._received_bytes > HEAD_BYTES_MAX:
            self._misbehaved = "the head of the answer is too long"
        if self._stream is not None and self._answer is None and self._body:
            self._stream.feed(self._take_piece())
        if self._complete:
            self._finish(keep=self._keep_alive and not self._misbehaved)
        elif self._misbehaved:
            self.abort(TransportError(self._misbehaved))

    def _take_piece(self) -> Piece:
        wire_bytes = self._received_bytes - self._reported_bytes
        self._reported_bytes = self._received_bytes
        piece = Piece(self._clock.stamp_ns(), b"".join(self._body), wire_bytes)
        self._body.clear()
        return piece

    # httptools callbacks; raising in them would lose its type, so faults are only noted

    def on_message_begin(self) -> None:
        if self._complete or (self._answer is None and self._stream is None):
            self._misbehaved = "bytes that no request asked for"

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._complete:
            return
        name = name.lower()
        if name == b"content-type":
            self._content_type = value
        elif name in (b"content-length", b"transfer-encoding"):
            self._delimited = True
        elif name == b"retry-after":
            self._retry_after = value

    def on_headers_complete(self) -> None:
        code = self._parser.get_status_code()
        if code < 200 or self._complete:
            return
        self._code = code
        self._head_complete = True
        if self._stream is not None and self._answer is not None:
            if code == 200:
                answer, self._answer = self._answer, None
                if not answer.done():
                    answer.set_result(self._response())
            else:
                self._stream = None

    def on_body(self, body: bytes) -> None:
        if self._complete:
            return
        self._body.append(body)
        self._body_bytes += len(body)
        if self._body_bytes > BODY_BYTES_MAX and self._stream is None:
            self._misbehaved = "the body of the answer is too long"

    def on_message_complete(self) -> None:
        if self._head_complete and not self._complete:
            self._complete = True
            # Asked here, for afterwards the parser speaks of the next message.
            self._keep_alive = self._parser.should_keep_alive()

    def _response(self) -> Response:
        retry_after = self._retry_after
        body = self._body
        self._reported_bytes = self._received_bytes
        return Response(
            self._code,
            self._content_type.decode("latin-1"),
            body[0] if len(body) == 1 else b"".join(body),
            self._clock.stamp_ns(),
            self._sent_bytes,
            self._received_bytes,
            int(retry_after) if retry_after.isdigit() else 0,
        )

    def _finish(self, *, keep: bool) -> None:
        """Hand the answer over; idle again before its receiver runs, so that none waits idly."""
        self.served += 1
        answer, self._answer = self._answer, None
        stream, self._stream = self._stream, None
        response = self._response() if answer is not None else None
        self._body = []
        if keep and self.usable:
            self.idle_since = self._loop.time()
            self._on_idle(self)
        else:
            self.abort()
        if stream is not None:
            stream.end(None)
        elif answer is not None and response is not None and not answer.done():
            answer.set_result(response)
