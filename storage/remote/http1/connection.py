"""One connection: requests go out as they are, answers come back in their order.

How it works. Each request is an *exchange*: a future that is completed in the step of the loop that
receives the end of its answer. Several may be under way at once (pipelined); the server answers one
after the other. A *stream* is an exchange whose answer goes on: its head, every piece of the body
that is received together, and its end go to its ``sink`` at once, in that step.

A connection that was torn, spoke nonsense, or has an exchange that nobody waits for any longer is
closed and never used again: HTTP/1.1 cannot take a request back. So is one whose server says so.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, cast

import httptools

from storage.remote.http1.failures import Fault, HttpError

HEAD_BYTES_MAX: Final = 64 << 10
BODY_BYTES_MAX: Final = 1 << 30
"""Of an answer that is kept whole: a listing of 60,000 pods is 200 MB."""


class Answer(NamedTuple):
    """A whole answer, or the head of a stream's."""

    status: int
    headers: dict[bytes, bytes]
    """Those that the pool was told to keep, by their names in lower case."""
    body: bytes


class Sink(Protocol):
    """What a stream is told to. Called on the loop; must neither block nor raise."""

    def begun(self, head: Answer) -> None:
        """Take the head of an answer that is a success."""
        ...

    def take(self, piece: bytes) -> None:
        """Take what has been received of its body."""
        ...

    def over(self, error: HttpError | None) -> None:
        """It has begun, and has ended; None: as the server wanted."""
        ...


class Exchange:
    """A request under way. ``answer`` brings its answer, or raises HttpError."""

    __slots__ = ("answer", "begun", "bucket", "connection", "sink")

    def __init__(self, connection: Connection, sink: Sink | None) -> None:
        self.connection = connection
        self.answer: asyncio.Future[Answer] = connection.loop.create_future()
        self.sink = sink
        self.begun = False
        """Whether it is a stream whose head has come."""
        self.bucket = 0
        """Of ``Deadlines``."""

    def fail(self, error: HttpError) -> None:
        """End it. Idempotent."""
        if self.begun and self.sink is not None:
            self.sink.over(error)
        elif not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # who waits is told anyway; who has left need not be


class Connection(asyncio.Protocol):
    """A socket, and the answers that it waits for. ``gone`` is told once, when it is closed."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        keep: frozenset[bytes],
        gone: Callable[[Connection], None],
        answered: Callable[[Exchange], None],
    ) -> None:
        self.loop = loop
        self.lost: asyncio.Future[None] = loop.create_future()
        """Done when its socket is closed, a turn of the loop after ``close``."""
        self._keep = keep
        self._gone = gone
        self._answered = answered
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[Exchange] = deque()
        self._parser = httptools.HttpResponseParser(self)
        self._nonsense = ""
        self._lasting = True
        self._begin()

    def _begin(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._status = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._head_bytes = 0

    @property
    def usable(self) -> bool:
        """Whether a request may be sent, as far as this end knows."""
        return self._transport is not None and self._lasting and not self._transport.is_closing()

    @property
    def idle(self) -> bool:
        """Whether no answer is waited for."""
        return not self._waiting

    def send(self, payload: bytes, exchanges: int = 1) -> list[Exchange]:
        """Write requests, so many of them; return their exchanges."""
        sent = [Exchange(self, None) for _ in range(exchanges)]
        self._write(payload, sent)
        return sent

    def ask(self, payload: bytes) -> Exchange:
        """Write a request."""
        exchange = Exchange(self, None)
        self._write(payload, (exchange,))
        return exchange

    def stream(self, payload: bytes, sink: Sink) -> Exchange:
        """Write a request whose answer is a stream; an answer of an error comes whole."""
        exchange = Exchange(self, sink)
        self._write(payload, (exchange,))
        return exchange

    def _write(self, payload: bytes, exchanges: list[Exchange] | tuple[Exchange]) -> None:
        transport = self._transport
        assert transport is not None
        self._waiting.extend(exchanges)
        transport.write(payload)

    def close(self, error: HttpError) -> None:
        """Close at once; what is under way ends with ``error``. Idempotent."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
            self._fail(error)
            self._gone(self)

    def _fail(self, error: HttpError) -> None:
        waiting, self._waiting = self._waiting, deque()
        for exchange in waiting:
            exchange.fail(error)
            self._answered(exchange)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit

    def connection_lost(self, exc: Exception | None) -> None:
        reason = str(exc or "the server closed it").replace("\n", " ")
        self.close(HttpError(Fault.BROKEN, f"the connection broke: {reason}"))
        self.lost.set_result(None)
        self._parser = httptools.HttpResponseParser(object())  # the old one leads back here

    def data_received(self, data: bytes) -> None:
        if not self._status:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._nonsense = f"no HTTP answer: {error}"
        if not self._status and self._head_bytes > HEAD_BYTES_MAX:
            self._nonsense = "the head of the answer is too long"
        if self._body and self._waiting:
            exchange = self._waiting[0]
            if exchange.begun and exchange.sink is not None:
                exchange.sink.take(self._taken())
        if self._nonsense:
            self.close(HttpError(Fault.BROKEN, self._nonsense))
        elif not self._lasting and not self._waiting:
            self.close(HttpError(Fault.BROKEN, "the server wants no more requests"))

    # httptools' callbacks; what they raise would lose its type, so faults are only noted

    def on_message_begin(self) -> None:
        if not self._waiting:
            self._nonsense = "bytes that no request asked for"

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in self._keep:
            self._headers[name] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or not self._waiting:
            return
        self._status = status
        exchange = self._waiting[0]
        if exchange.sink is not None and status == 200 and not exchange.answer.done():
            exchange.begun = True
            head = Answer(status, self._headers, b"")
            exchange.sink.begun(head)
            exchange.answer.set_result(head)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._body_bytes += len(body)
        if self._body_bytes > BODY_BYTES_MAX:
            self._nonsense = "the body of the answer is too long"

    def on_message_complete(self) -> None:
        if not self._status or not self._waiting or self._nonsense:
            return
        self._lasting = self._lasting and self._parser.should_keep_alive()
        exchange = self._waiting.popleft()
        answer = Answer(self._status, self._headers, self._taken())
        self._begin()
        if exchange.begun and exchange.sink is not None:
            if answer.body:
                exchange.sink.take(answer.body)
            exchange.sink.over(None)
        elif not exchange.answer.done():
            exchange.answer.set_result(answer)
        self._answered(exchange)

    def _taken(self) -> bytes:
        body, self._body = self._body, []
        self._body_bytes = 0
        return body[0] if len(body) == 1 else b"".join(body)
