"""One client's connection: HTTP/1.1 as Go speaks it, and answers in their order.

How this works. What is received goes to the parser, which is asked for the next request when the
last one is answered. The application either answers it with a whole payload, now or later, or
begins a stream of chunks. Everything is bounded: heads, bodies, and what a client sends while it is
not its turn: reading pauses then, except while a watch runs, of which only reading shows that its
client has gone; a long listing is a stream that does not wait.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol, cast

from storage.serve.etcd2.heads import CHUNKED, CONTINUE
from storage.serve.etcd2.messages import Heard, Stream, amended, stream_head
from storage.serve.etcd2.parser import Head, Parser
from storage.serve.etcd2.request_heads import HeadError

AHEAD_BYTES_MAX: Final = 1 << 17
"""That a client may send while a watch runs; who sends more is not served any longer."""
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

    def reads_body(self, head: Head) -> bool:
        """Tell whether the body of a request will matter."""
        ...

    def not_met(self) -> bytes:
        """Return the payload for who expects what nobody does."""
        ...


class Connection(asyncio.Protocol):
    """Parses requests, keeps the order of answers, and knows how to write them."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._parser = Parser()
        self._transport: asyncio.Transport | None = None
        self._current: Heard | None = None
        """What is being served."""
        self._stream: Stream | None = None
        self._broken = b""
        """What is to be said last, since what follows is not served."""
        self._heard_all = False
        """The client has ceased to send."""
        self._reads = True
        self._advancing = False
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
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.closed()
        self._application.left(self)

    def eof_received(self) -> bool:
        """Answer what was asked before the client ceased to send; a watch ends."""
        if self._waits:
            return False
        self._heard_all = True
        self._parser.end()
        self._advance()
        return self._current is not None or self.write_paused

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """Go on with what waited."""
        self.write_paused = False
        if self._stream is not None:
            self._stream.resumed()
        else:
            self._advance()

    def data_received(self, data: bytes) -> None:
        """Take what came over the socket."""
        if self._broken or self.gone:
            return
        self._parser.feed(data)
        if self._current is None:
            self._advance()
        if self._current is None or not self._parser.waiting:
            return
        if not self._waits:
            self._listen(reads=False)
        elif self._parser.waiting > AHEAD_BYTES_MAX:
            self.abort()

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
        if stream.waits:
            self._listen(reads=True)  # how else would it show that the client has gone?
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
        self._current = None
        if not self.gone:
            self._break(payload)

    def leave(self) -> None:
        """End the connection, at once or when what is being served is answered; and any watch."""
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

    def _advance(self) -> None:
        """Serve what was sent, one after the other, as long as each is answered and taken."""
        if self._advancing:
            return
        self._advancing = True
        while self._current is None and not (self._broken or self.write_paused or self.gone):
            try:
                told = self._parser.next()
            except HeadError as error:
                self._break(error.payload)
                break
            if told is None:
                self._pause()
                break
            if isinstance(told, Head):
                self._decide(told)
            else:
                self._current = told
                self._application.serve(told, self)
        self._advancing = False

    def _pause(self) -> None:
        """Wait for the client, or end if it has ceased to send."""
        if self._heard_all:
            self.close()
        elif not self._reads:
            self._listen(reads=True)

    def _decide(self, head: Head) -> None:
        """Let a body be sent that matters; a request of which it does not is served at once."""
        if head.fields.unmet:
            self._break(self._application.not_met())
        elif self._application.reads_body(head):
            if head.fields.expects:
                self._write(CONTINUE)
        else:
            self._current = heard = self._parser.unread()
            self._application.serve(heard, self)

    def _listen(self, *, reads: bool) -> None:
        if self._transport is None or reads is self._reads or self._transport.is_closing():
            return
        self._reads = reads
        if reads:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _answered(self) -> None:
        heard, self._current = self._current, None
        assert heard is not None
        if self.gone:
            return
        self.idle_since_s = self._loop.time()
        if not heard.keep_alive:
            self._broken = self._broken or NOTHING
            if heard.unread:
                self._linger()
            else:
                self.close()
        elif self._broken:
            self._say_last()
        else:
            self._advance()

    def _break(self, last: bytes) -> None:
        """Say the last."""
        self._broken = last or NOTHING
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
        self._listen(reads=True)
        self._loop.call_later(LINGER_S, transport.close)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
