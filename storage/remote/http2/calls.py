"""Calls: one question and one answer, or messages both ways for as long as both like.

A call is told by its session what comes for it, in the step of the loop that receives it; nothing
here waits in a task of its own. How a call ends is decided once: whatever comes later is ignored.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from struct import Struct
from typing import Final, Protocol

from storage.remote.http2.failures import RpcError, of_http, of_status
from storage.remote.http2.headers import Head, Metadata

PREFIX: Final = Struct(">BI")
"""Of a message: whether it is compressed, and its length."""
PREFIX_BYTES: Final = 5
STREAM_WINDOW_BYTES: Final = 16 << 20
"""What a peer may send on a stream before it is given more."""
CREDIT_BYTES: Final = STREAM_WINDOW_BYTES // 4
"""So much taken, and the peer is given it again."""
ENDED: Final = "the stream has ended"


class Session(Protocol):
    """What a call needs of its connection."""

    def send(self, call: Call) -> None:
        """Send what a call has unsent."""
        ...

    def drop(self, call: Call) -> None:
        """Forget a call, and tell the peer."""
        ...

    def credit(self, call: Call, size: int) -> None:
        """Let the peer send so much more on the call's stream."""
        ...


class Call(ABC):
    """What both kinds have. ``done`` is told, once, when a call ends by itself."""

    __slots__ = (
        "bucket",
        "ended",
        "metadata",
        "path",
        "session",
        "stream_id",
        "timeout_s",
        "unsent",
        "whole",
        "window",
    )

    def __init__(self, path: str, metadata: Metadata, timeout_s: float | None) -> None:
        self.path = path
        self.metadata = metadata
        self.timeout_s = timeout_s
        self.bucket = 0
        """Where the deadlines keep it; 0: nowhere."""
        self.ended = False
        self.session: Session | None = None
        """None: it waits for a connection."""
        self.stream_id = 0
        """0: it waits until the connection takes one call more."""
        self.unsent = b""
        """Messages with their prefixes that no window has had room for."""
        self.whole = False
        """Whether nothing will be added to ``unsent``."""
        self.window = 0
        """How much the peer lets us send yet."""

    def cancel(self) -> None:
        """Its caller is not interested any more. Idempotent."""
        if not self.ended:
            self._end(RpcError("CANCELLED", "cancelled by the caller"))
            if self.session is not None:
                self.session.drop(self)

    def fail(self, error: RpcError) -> None:
        """End it so, unless it has ended."""
        if not self.ended:
            self._end(error)

    def head(self, head: Head) -> None:
        """Take the header of the answer."""
        if head.http_status >= 200 and head.http_status != 200:
            self.cancel_with(of_http(head.http_status))

    def cancel_with(self, error: RpcError) -> None:
        """What comes for it is no use: fail it, and tell the peer."""
        if not self.ended:
            self._end(error)
            if self.session is not None:
                self.session.drop(self)

    @abstractmethod
    def received(self, payload: bytes) -> None:
        """Take what came in a DATA frame."""

    @abstractmethod
    def finished(self, head: Head | None) -> None:
        """The peer says nothing more on its stream; ``head`` are its trailers."""

    @abstractmethod
    def _end(self, error: RpcError) -> None:
        """Be over, for this reason."""


def judgement(head: Head | None) -> RpcError | None:
    """Return what trailers say, or None where all is well."""
    if head is None:
        return RpcError("INTERNAL", "the peer ended the stream without a status")
    if head.status == 0:
        return None
    if head.status > 0:
        return of_status(head.status, head.message)
    if head.http_status not in (-1, 200):
        return of_http(head.http_status)
    return RpcError("INTERNAL", "the peer ended the stream without a status")


class Unary(Call):
    """One question, one answer. ``outcome`` is never an exception, so it may be left unread."""

    __slots__ = ("_credit", "_parts", "outcome")

    def __init__(
        self,
        path: str,
        metadata: Metadata,
        timeout_s: float | None,
        message: bytes,
        outcome: asyncio.Future[bytes | RpcError],
    ) -> None:
        super().__init__(path, metadata, timeout_s)
        self.unsent = message
        """Without its prefix, until the session takes it."""
        self.whole = True
        self.outcome = outcome
        self._parts: list[bytes] = []
        self._credit = 0

    def received(self, payload: bytes) -> None:
        self._parts.append(payload)
        size = len(payload)
        if size > CREDIT_BYTES or self._credit or len(self._parts) > 1:
            self._credit += size
            if self._credit >= CREDIT_BYTES and self.session is not None:
                self.session.credit(self, self._credit)
                self._credit = 0

    def finished(self, head: Head | None) -> None:
        if self.ended:
            return
        self.ended = True
        outcome: bytes | RpcError | None = judgement(head)
        if outcome is None:
            outcome = self._message()
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def _message(self) -> bytes | RpcError:
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(body) < PREFIX_BYTES:
            return RpcError("INTERNAL", "the peer ended a call without an answer")
        compressed, size = PREFIX.unpack_from(body)
        if compressed or size != len(body) - PREFIX_BYTES:
            return RpcError("INTERNAL", "the peer's answer is not one message as it was announced")
        return body[PREFIX_BYTES:]

    def _end(self, error: RpcError) -> None:
        self.ended = True
        self._parts = []
        if not self.outcome.done():
            self.outcome.set_result(error)


class Stream(Call):
    """Messages both ways. What is not read keeps the peer from sending more than its window."""

    __slots__ = ("_begun", "_error", "_messages", "_owed", "_reader", "_unread")

    def __init__(self, path: str, metadata: Metadata, timeout_s: float | None) -> None:
        super().__init__(path, metadata, timeout_s)
        self._begun = bytearray()
        self._messages: deque[bytes] = deque()
        self._error: RpcError | None = None
        self._reader: asyncio.Future[None] | None = None
        self._unread = 0
        """Bytes of the stream's window that unread messages hold."""
        self._owed = 0
        """Bytes that the peer has not been given again."""

    def write(self, message: bytes) -> None:
        """Send a message, as soon as there is a connection. Raises RpcError where it has ended."""
        if self._error is not None:
            raise self._error
        self.unsent += PREFIX.pack(0, len(message)) + message
        if self.session is not None and self.stream_id:
            self.session.send(self)

    async def read(self) -> bytes:
        """Return the next message, to one reader at a time. Raises RpcError where it has ended."""
        while not self._messages:
            if self._error is not None:
                raise self._error
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        message = self._messages.popleft()
        self._give_back(len(message) + PREFIX_BYTES if self._messages else self._unread)
        return message

    def received(self, payload: bytes) -> None:
        if self.ended:
            return
        begun = self._begun
        begun += payload
        self._unread += len(payload)
        at = 0
        while len(begun) - at >= PREFIX_BYTES:
            compressed, size = PREFIX.unpack_from(begun, at)
            if compressed:
                self.cancel_with(RpcError("INTERNAL", "the peer sends compressed messages"))
                return
            end = at + PREFIX_BYTES + size
            if end > len(begun):
                break
            self._messages.append(bytes(begun[at + PREFIX_BYTES : end]))
            at = end
        if at:
            del begun[:at]
        if self._messages:
            self._wake()
        else:  # a message may be larger than any window
            self._give_back(self._unread)

    def finished(self, head: Head | None) -> None:
        if not self.ended:
            self._end(judgement(head) or RpcError("UNAVAILABLE", ENDED))

    def _give_back(self, size: int) -> None:
        self._unread -= size
        self._owed += size
        if self._owed >= CREDIT_BYTES and self.session is not None and not self.ended:
            self.session.credit(self, self._owed)
            self._owed = 0

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _end(self, error: RpcError) -> None:
        self.ended = True
        self.unsent = b""
        self._error = error
        self._wake()
