"""One client's connection: HTTP/1.1 by httptools, and answers in their order.

How this works. The parser tells of a request in pieces; when it is whole, the application is asked
to serve it, at once if nothing before it is unanswered, else in its turn. It either answers with a
whole payload, now or later, or begins a stream of chunks. Everything is bounded: heads, bodies, and
what a client sends while it is not its turn: reading pauses then, except while a watch runs, of
which only reading shows that its client has gone; a long listing is a stream that does not wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol, cast

import httptools

from storage.serve.etcd2.forms import FORM_BYTES_MAX
from storage.serve.etcd2.heads import CHUNKED, CONTINUE, NOT_MET, failure
from storage.serve.etcd2.messages import (
    Headers,
    Heard,
    Stream,
    amended,
    escaped_line,
    stream_head,
    target_of,
    without_offer,
)

HEAD_BYTES_MAX: Final = (1 << 20) + 4096
"""Of a request's head: Go's bound, and what it reads beyond it."""
AHEAD_MAX: Final = 1024
"""Requests that a client may send while a watch runs; who sends more is not served any longer."""
VERSIONS: Final = ("1.1", "1.0")
FRAMING_MAX: Final = 7
"""Bytes around each of a body's first megabyte: chunks of a byte each have five."""
FRAMED_BYTES_MAX: Final = 1 << 20
LINGER_S: Final = 0.5
"""How long a client that was refused has to read why: Go's own."""
NOTHING: Final = b"\0"
"""In place of last words: there are none, but nothing more is served."""


class Application(Protocol):
    """What a connection is served by."""

    def joined(self, connection: Connection) -> None:
        """A client has come."""
        ...

    def left(self, connection: Connection) -> None:
        """It has gone."""
        ...

    def serve(self, heard: Heard, connection: Connection) -> None:
        """Answer a request, now or later; must not raise."""
        ...

    def invalid_method(self, target: bytes) -> bytes:
        """Return the payload for a method that HTTP does not know."""
        ...


class Connection(asyncio.Protocol):
    """Parses requests, keeps the order of answers, and knows how to write them."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._target = b""
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._message_bytes = 0
        """Received since the last request was whole."""
        self._in_body = False
        self._hosts = 0
        """How many ``Host`` headers the head has."""
        self._current: Heard | None = None
        """What is being served."""
        self._stream: Stream | None = None
        self._queue: deque[Heard] = deque()
        self._broken = b""
        """What is to be said last, since what follows cannot be understood."""
        self._draining = False
        self._loop = asyncio.get_running_loop()
        self.gone = False
        """Whether the client has gone: what is written now is lost."""
        self.write_paused = False
        self.idle_since_s = 0.0
        """The loop's time at which it began to be idle, or to be waited for."""

    @property
    def idle(self) -> bool:
        """Whether nothing is being served."""
        return self._current is None

    @property
    def chunked(self) -> bool:
        """Whether an answer in pieces is one in chunks; an old client knows none."""
        return self._current is not None and self._current.new

    @property
    def asks_head(self) -> bool:
        """Whether what is being served wants no body."""
        return self._current is not None and self._current.method == "HEAD"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self.idle_since_s = self._loop.time()
        self._application.joined(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget the client, and end its watch."""
        self.gone = True
        self._queue.clear()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.closed()
        self._application.left(self)

    def eof_received(self) -> bool:
        """Answer what was asked before the client ceased to send; a watch ends."""
        self._broken = self._broken or NOTHING
        return not self._waits and self._current is not None

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """Go on with what waited."""
        self.write_paused = False
        if self._stream is not None:
            self._stream.resumed()
        elif self._current is None and not self._draining:
            self._drain()

    def data_received(self, data: bytes) -> None:
        """Take what came over the socket."""
        if self._broken or self.gone:
            return
        if not self._in_body and not data.isascii():
            data = escaped_line(data)
        self._message_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            self._break(self._application.invalid_method(target_of(data)))
        except httptools.HttpParserError:
            self._break(failure(400))
        else:
            if self._message_bytes > HEAD_BYTES_MAX and not self._broken:
                self._bound_message()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._target = b""
        self._headers = []
        self._body = []
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of its target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        if not self._in_body:  # what comes behind a body is not kept
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Let the client send the body, if it waits for that."""
        self._in_body = True
        self._hosts = 0
        for name, value in self._headers:
            length = len(name)
            if length == 4 and name.lower() == b"host":
                self._hosts += 1
            elif length == 6 and name.lower() == b"expect":
                self._meet(value)

    def _meet(self, expected: bytes) -> None:
        if expected.lower() != b"100-continue":
            self._break(NOT_MET)
        elif self._current is None and not self._broken:
            self._write(CONTINUE)

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body; one that is too large is answered before it ends."""
        if self._broken:
            return
        self._body_bytes += len(piece)
        self._body.append(piece)
        if self._body_bytes > FORM_BYTES_MAX:
            self._body = []
            self._take(self._heard(b"", too_large=True))
            self._broken = NOTHING

    def on_message_complete(self) -> None:
        """Serve the request, or let it wait for those before it."""
        self._in_body = False
        self._message_bytes = 0
        if self._broken or (self._parser.should_upgrade() and not self._connects()):
            return
        body = self._body
        self._take(self._heard((body[0] if len(body) == 1 else b"".join(body)) if body else b""))

    def answer(self, payload: bytes) -> None:
        """Write a whole answer to what is being served; goes on with what comes next."""
        heard = self._current
        assert heard is not None
        if not self.gone:
            if not heard.keep_alive or not heard.new or heard.method == "HEAD":
                if not heard.new and CHUNKED in payload:  # only its end tells where it ends
                    heard = self._current = heard._replace(keep_alive=False)
                payload = amended(payload, heard)
            self._write(payload)
        self._answered()

    def begin(self, head: bytes, stream: Stream) -> None:
        """Begin an answer in pieces; ``stream`` is told of the client until it is ended."""
        heard = self._current
        assert heard is not None
        if self.gone:
            return
        if not heard.new:  # only its end tells where it ends
            heard = self._current = heard._replace(keep_alive=False)
        self._stream = stream
        if stream.waits and self._transport is not None:
            self._transport.resume_reading()  # how else would it show that the client has gone?
        self._write(stream_head(head, heard))

    def pieces(self, pieces: list[bytes], *, last: bool) -> None:
        """Write pieces of the answer, chunks if it is ``chunked``; with the last it ends."""
        if self.gone:
            return
        if last and self.chunked:
            pieces = [*pieces, b"0\r\n\r\n"]
        if pieces:
            self._write(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if last:
            self._stream = None
            self._answered()

    def fail(self, payload: bytes) -> None:
        """Say that what is being served is no request, and end the connection."""
        if not self.gone:
            self._write(payload)
            self.close()
        self._current = None

    def leave(self) -> None:
        """End the connection, at once or when what is being served is answered; and any watch."""
        self._queue.clear()
        if self._current is None or self._waits:
            self.close()
        self._broken = self._broken or NOTHING

    def close(self) -> None:
        """End the connection once what was written is sent."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def abort(self) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def _waits(self) -> bool:
        return self._stream is not None and self._stream.waits

    def _serve(self, heard: Heard) -> None:
        self._current = heard
        self._application.serve(heard, self)

    def _answered(self) -> None:
        heard, self._current = self._current, None
        assert heard is not None
        if self.gone:
            return
        if not heard.keep_alive:
            self._queue.clear()
            if heard.too_large:
                self._linger()
            else:
                self.close()
        elif not self._draining:
            self._drain()

    def _drain(self) -> None:
        """Serve what waits, one after the other, as long as each is answered and taken at once."""
        self._draining = True
        while self._queue and self._current is None and not self.write_paused and not self.gone:
            self._serve(self._queue.popleft())
        self._draining = False
        if self._queue or self._current is not None or self.gone:
            return
        if self._broken:
            self._say_last()
        elif self._transport is not None:
            self._transport.resume_reading()
            self.idle_since_s = self._loop.time()

    def _heard(self, body: bytes, *, too_large: bool = False) -> Heard:
        parser = self._parser
        return Heard(
            parser.get_method().decode("ascii"),
            self._target,
            self._headers,
            body,
            too_large,
            parser.should_keep_alive() and not too_large,
            parser.get_http_version() == "1.1",
        )

    def _take(self, heard: Heard) -> None:
        """Serve a request now, or in its turn."""
        hosts = self._hosts
        if heard.new and not hosts:
            self._break(failure(400, "missing required Host header"))
        elif hosts > 1 or self._parser.get_http_version() not in VERSIONS:
            self._break(failure(400))
        elif self._current is None and not self._queue and not self.write_paused:
            self._serve(heard)
        else:
            self._queue.append(heard)
            self._bound_queue()

    def _bound_queue(self) -> None:
        if not self._waits:
            if self._transport is not None:
                self._transport.pause_reading()
        elif len(self._queue) > AHEAD_MAX:
            self.abort()

    def _bound_message(self) -> None:
        """Refuse a head that does not end, and a body that is mostly its own framing."""
        if not self._in_body:
            self._break(failure(431))
            return
        around = self._message_bytes - self._body_bytes
        if around > HEAD_BYTES_MAX + FRAMING_MAX * min(self._body_bytes, FRAMED_BYTES_MAX):
            self._break(failure(400))

    def _break(self, last: bytes) -> None:
        self._broken = last
        if self._current is None and not self._queue:
            self._say_last()

    def _say_last(self) -> None:
        if self._broken == NOTHING:
            self.close()
        else:
            self._write(self._broken)
            self._linger()

    def _linger(self) -> None:
        """End the connection in a moment.

        What the client still sends would reset it, and take with it what it has not read.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if not transport.can_write_eof():
            transport.close()
            return
        transport.write_eof()
        transport.resume_reading()
        self._loop.call_later(LINGER_S, transport.close)

    def _connects(self) -> bool:
        return bool(self._parser.get_method() == b"CONNECT")

    def _after_upgrade(self, rest: bytes) -> None:
        """Go on as if no other protocol had been offered, as Go does; the parser would not."""
        connects, method = self._connects(), self._parser.get_method()
        version = self._parser.get_http_version().encode()
        self._parser = httptools.HttpRequestParser(self)
        if not connects:
            rest = without_offer(method, self._target, version, self._headers) + rest
        if rest:
            self.data_received(rest)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
