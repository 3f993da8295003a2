"""One call of gRPC on a stream of HTTP/2: its messages, its windows, how it ends.

How it works. A method is called as ``grpc.aio`` calls it: with the request and the call, or with
the call twice where requests come as a stream, over which it iterates. A call with one request
begins when that is whole, and its one answer leaves with the header before it and the trailers
behind it in a single write, if the peer's windows have room for it. A long one may be returned in
pieces, and leaves in slices, a turn of the loop each (``unsent``).

Deadlines are the client's: it resets the stream when it waits no longer.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any, Never

from google.protobuf.message import DecodeError
from grpc import StatusCode

from storage.http2 import frames
from storage.http2.frames import FRAME_BYTES, HEAD, Code
from storage.http2.hpack import literal
from storage.serve.http2.messages import (
    PREFIX,
    PREFIX_BYTES,
    framed,
    header,
    trailers,
    whole_answer,
)
from storage.serve.http2.methods import Method
from storage.serve.http2.plain import Page
from storage.serve.http2.unsent import Unsent
from storage.serve.http2.wire import Wire

logger = logging.getLogger(__name__)


class AbortedError(Exception):
    """A call ends with a code instead of an answer."""

    def __init__(self, code: StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


class Call:
    """A call; what a method is given as its context, and as its requests where they stream."""

    __slots__ = (
        "_answered",
        "_ended",
        "_headed",
        "_held",
        "_messages",
        "_method",
        "_out",
        "_partial",
        "_room",
        "_task",
        "_trailers",
        "_unread",
        "_waiter",
        "_wire",
        "stream_id",
        "window",
    )

    def __init__(self, wire: Wire, stream_id: int, method: Method) -> None:
        self.stream_id = stream_id
        self.window = wire.stream_window
        """How much the peer lets us send on this stream yet."""
        self._wire = wire
        self._method = method
        self._partial = bytearray()
        self._messages: deque[bytes] | None = None
        self._ended = False
        """The client sends no more."""
        self._headed = False
        self._answered = False
        """Nothing will be sent but what waits in ``_out``."""
        self._out: Unsent | None = None
        self._trailers = b""
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._unread = 0
        self._held = 0
        """Bytes of requests that the method has not taken yet."""

    # What the method uses

    async def abort(self, code: StatusCode, details: str = "") -> Never:
        """End the call with a code instead of an answer."""
        raise AbortedError(code, details)

    async def write(self, message: Any) -> None:  # the method's own kind
        """Send a message; returns when the peer's windows and the transport have taken it."""
        body = self._method.write(message)
        if not self._headed:
            self._headed = True
            self._wire.write(header(self.stream_id))
        self._queue(framed(body))
        while (self._out or self._wire.paused) and not self._answered:
            self._room = self._wire.loop.create_future()
            await self._room

    def answer_page(self, page: Page, *, body: bool) -> None:
        """Answer, without anything of gRPC's, what was no call of it."""
        block = literal(b":status", b"%d" % page.status.value)
        block += literal(b"content-type", page.content_type.encode())
        head = frames.frame(frames.HEADERS, frames.END_HEADERS, self.stream_id, block)
        self._wire.write(head)
        if body:
            self._queue(page.text.encode())
        if not self._answered:
            self._end(frames.frame(frames.DATA, frames.END_STREAM, self.stream_id, b""))

    def __aiter__(self) -> AsyncIterator[Any]:
        """Return the requests."""
        return self

    async def __anext__(self) -> Any:  # the method's own kind
        """Return the next request."""
        messages = self._messages
        assert messages is not None, "the call takes a stream"
        while not messages:
            if self._ended:
                raise StopAsyncIteration
            self._waiter = self._wire.loop.create_future()
            await self._waiter
        message = messages.popleft()
        self._held -= len(message) + PREFIX_BYTES
        self.credit(len(message) + PREFIX_BYTES)
        return self._read(message)

    # What the connection tells

    def begin(self, *, ended: bool) -> None:
        """Take it that the header is there, and whether it was all."""
        self._ended = ended
        if self._method.takes_stream:
            self._messages = deque()
            self._task = self._wire.loop.create_task(self._run(self))
        elif ended:
            self._finish(StatusCode.INTERNAL, "the request is missing")

    def received(self, payload: bytes, *, ended: bool) -> None:
        """Take what was sent. Raises ProtocolError where that is more than was allowed."""
        if self._answered:
            return
        self._ended = ended
        self._held += len(payload)
        if self._held > self._wire.message_bytes + FRAME_BYTES:
            raise frames.ProtocolError(Code.FLOW_CONTROL_ERROR, "more than the stream's window")
        text: bytes | bytearray = payload
        if self._partial or not ended:
            self._partial += payload
            text = self._partial
        if self._messages is None:
            self._take_request(text)
        else:
            self._take_requests(text, self._messages)

    def credit(self, size: int) -> None:
        """Let the client send as much again."""
        self._unread += size
        if self._unread >= self._wire.credit_bytes and not self._ended:
            self._wire.write(frames.window_update(self.stream_id, self._unread))
            self._unread = 0

    def go_on(self) -> None:
        """Send what had to wait for a window, and let the method go on that waited for room."""
        if self._out and not self._out.queued:
            self._flush(self._out)
        room = self._room
        if room is not None and not self._out and not self._wire.paused:
            self._room = None
            if not room.done():
                room.set_result(None)

    def resumed(self) -> None:
        """Go on, since the transport takes more; a long answer in its turn's turn.

        Between the two the loop looks at the sockets, so what the peer has sent meanwhile is taken:
        while the transport has more than it takes, nothing is read.
        """
        out = self._out
        if out and out.patient and not out.queued:
            out.queued = True
            turns = self._wire.turns
            turns.take(partial(turns.take, self._turn))
        else:
            self.go_on()

    def leave(self, words: str) -> None:
        """End it if it might go on for ever, since the server ends."""
        if self._method.answers_stream and not self._answered:
            self._give_up(StatusCode.UNAVAILABLE, words)

    def lost(self) -> None:
        """Take it that nobody waits for the answer any more."""
        self._answered = True
        self._out = None
        self._cancel()

    # Requests

    def _take_request(self, text: bytes | bytearray) -> None:
        """Start the method once its one request is whole."""
        size = self._size(text, 0)
        if size < 0 or not self._ended:
            return
        if size + PREFIX_BYTES != len(text):
            self._finish(StatusCode.INTERNAL, "the request is cut short")
            return
        self._task = self._wire.loop.create_task(self._run(bytes(text[PREFIX_BYTES:])))

    def _take_requests(self, text: bytes | bytearray, messages: deque[bytes]) -> None:
        """Take whole requests, and let the method know."""
        at = 0
        while len(text) - at >= PREFIX_BYTES:
            size = self._size(text, at)
            end = at + PREFIX_BYTES + size
            if size < 0 or end > len(text):
                break
            messages.append(bytes(text[at + PREFIX_BYTES : end]))
            at = end
        self._partial = bytearray(text[at:])
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _size(self, text: bytes | bytearray, at: int) -> int:
        """Return the length of the message at a place; -1 if it is not there, or refused."""
        if len(text) - at < PREFIX_BYTES:
            if self._ended:
                self._finish(StatusCode.INTERNAL, "the request is cut short")
            return -1
        compressed, size = PREFIX.unpack_from(text, at)
        if compressed:
            self._give_up(StatusCode.UNIMPLEMENTED, "grpc: compressed messages are not taken")
            return -1
        if size > self._wire.message_bytes:
            sizes = f"({size} vs. {self._wire.message_bytes})"
            words = f"grpc: received message larger than max {sizes}"
            self._give_up(StatusCode.RESOURCE_EXHAUSTED, words)
            return -1
        found: int = size
        return found

    def _read(self, text: bytes) -> Any:  # the method's own kind
        try:
            return self._method.read(text)
        except DecodeError as error:
            raise AbortedError(
                StatusCode.INTERNAL, f"grpc: error unmarshalling request: {error}"
            ) from error

    # Answers

    async def _run(self, given: Any) -> None:  # a message, or the call itself
        """Call the method, and end the call as it says."""
        method = self._method
        try:
            request = given if given is self else self._read(given)
            if not method.answers_stream:
                self._answer(method.write(await method.call(request, self)))
                return
            answers = method.call(request, self)
            if inspect.isasyncgen(answers):
                async with aclosing(answers):
                    async for answer in answers:
                        await self.write(answer)
            else:
                await answers
        except Exception as error:  # noqa: BLE001  # whatever it is, the client is told
            self._fail(error)
        else:
            self._finish(StatusCode.OK, "")

    def _answer(self, body: bytes | list[bytes]) -> None:
        """Send the one answer of a call, and end it."""
        if isinstance(body, list):
            self._answer_in_pieces(body)
            return
        size, wire, stream_id = len(body) + PREFIX_BYTES, self._wire, self.stream_id
        if self._answered:
            return
        if size > FRAME_BYTES or size > self.window or size > wire.window or not self._ended:
            self._answer_in_pieces([body])
            return
        self._answered = True
        wire.window -= size
        wire.write(whole_answer(stream_id, body))
        wire.ended(self)

    def _answer_in_pieces(self, pieces: list[bytes]) -> None:
        """Send one whose pieces make a message; what is sent of it is let go."""
        if self._answered:
            return
        self._headed = True
        self._wire.write(header(self.stream_id))
        out = self._out = Unsent(patient=True)
        out.add(PREFIX.pack(0, sum(map(len, pieces))) + pieces[0])
        for piece in pieces[1:]:
            out.add(piece)
        self._finish(StatusCode.OK, "")

    def _fail(self, error: BaseException) -> None:
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]  # of a task group
        if isinstance(error, AbortedError):
            self._finish(error.code, error.details)
            return
        logger.error("a call failed", exc_info=error)
        self._finish(StatusCode.UNKNOWN, f"Unexpected {type(error)}: {error}")

    def _give_up(self, code: StatusCode, details: str) -> None:
        """End a call whose method may be under way."""
        self._finish(code, details)
        self._cancel()

    def _cancel(self) -> None:
        task, self._task = self._task, None  # a cancelled one holds the call by its traceback
        if task is not None:
            self._wire.cancel(task)

    def _finish(self, code: StatusCode, details: str) -> None:
        """End the call, when all that it has to send is sent."""
        if self._answered:
            return
        self._end(trailers(self.stream_id, code, details, headed=self._headed))

    def _end(self, last: bytes) -> None:
        self._answered = True
        self._trailers = last
        out = self._out or Unsent()
        if not out.queued:
            self._flush(out)

    def _queue(self, payload: bytes) -> None:
        if self._answered:
            return
        size, wire = len(payload), self._wire
        if not self._out and size <= min(FRAME_BYTES, self.window, wire.window):
            self.window -= size
            wire.window -= size
            wire.write(HEAD.pack(size << 8 | frames.DATA, 0, self.stream_id) + payload)
            return
        if self._out is None:
            self._out = Unsent()
        self._out.add(payload)
        self.go_on()

    def _flush(self, out: Unsent) -> None:
        """Send as much as there is room for, and the trailers after all."""
        wire = self._wire
        pieces, more = out.slice(wire, self)
        if not out and self._trailers:
            pieces.append(self._trailers)
            self._trailers = b""
            if not self._ended:  # what it still sends is of no use
                pieces.append(frames.reset(self.stream_id, Code.NO_ERROR))
            wire.write(b"".join(pieces))
            wire.ended(self)
        elif pieces:
            wire.write(b"".join(pieces))
        if more and not (wire.paused and out.patient):
            out.queued = True
            wire.turns.take(self._turn)

    def _turn(self) -> None:
        """Send the next slice."""
        if self._out is not None:
            self._out.queued = False
            self.go_on()
