"""All that is said to one server: it connects when it is used, and again when it was cut off.

How it works. A call goes to the present session. Where there is none, it makes the channel connect,
and waits for that with all others. When connecting fails, all that wait fail, and for a while,
longer each time, whoever calls fails at once: who has another server asks there.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from storage.remote.http2.calls import Call, Stream, Unary
from storage.remote.http2.deadlines import Deadlines
from storage.remote.http2.dialing import Dial, address_of, dial, speaks_http2
from storage.remote.http2.failures import RpcError, not_sent
from storage.remote.http2.headers import Encoder, Metadata
from storage.remote.http2.session import ClientSession

CONNECT_S: Final = 3.0
"""How long it may take until a server has said what it takes."""
BACKOFF_S: Final = 0.05
BACKOFF_MAX_S: Final = 0.5
CLOSE_S: Final = 0.5
"""What the end of a connection may take in order; after it, it is cut off."""


class Channel:
    """Calls to one server. Made on the loop that uses it."""

    def __init__(
        self,
        target: str,
        tls: ssl.SSLContext | None,
        closed: RpcError,
        dialing: Dial = dial,
    ) -> None:
        self.target = target
        self.loop = asyncio.get_running_loop()
        self.connections = 0
        """How many were made."""
        self._closed_error = closed
        """How calls fail when the channel has been closed."""
        self._address = address_of(target)
        self._tls = tls
        self._dial = dialing
        self._deadlines = Deadlines[Call](self.loop, self._expire)
        self._session: ClientSession | None = None
        self._sessions: dict[ClientSession, None] = {}
        """Also those that only end their calls."""
        self._attempt: asyncio.Future[None] | None = None
        self._queue: dict[Call, None] = {}
        """What waits for a connection."""
        self._retry_at = 0.0
        self._backoff_s = BACKOFF_S
        self._failure = ""
        self._closed = False

    def ask(self, path: str, message: bytes, timeout_s: float, metadata: Metadata) -> Unary:
        """Begin a call; its ``outcome`` comes in time."""
        call = Unary(path, metadata, timeout_s, message, self.loop.create_future())
        self._submit(call)
        return call

    def stream(self, path: str, timeout_s: float | None, metadata: Metadata) -> Stream:
        """Begin a call with messages both ways."""
        call = Stream(path, metadata, timeout_s)
        self._submit(call)
        return call

    def ended(self, call: Call) -> None:
        """As ``session.Host``; also of calls that never came to a session."""
        self._deadlines.remove(call)
        if self._queue:
            self._queue.pop(call, None)

    def leaves(self, session: ClientSession) -> None:
        """As ``session.Host``."""
        if self._session is session:
            self._session = None

    async def close(self) -> None:
        """End all calls and connections; calls fail from now on."""
        self._closed = True
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait([self._attempt])
        self._fail_queue(self._closed_error)
        for session in list(self._sessions):
            await session.close(self._closed_error, CLOSE_S)
        self._deadlines.close()

    def _submit(self, call: Call) -> None:
        session = self._session
        if session is None:
            refusal = self._refusal()
            if refusal is not None:
                call.fail(refusal)
                return
            self._queue[call] = None
            if self._attempt is None:
                self._attempt = asyncio.ensure_future(self._connect())
        else:
            session.begin(call)
        if call.timeout_s is not None and not call.ended:
            self._deadlines.add(call, call.timeout_s)

    def _refusal(self) -> RpcError | None:
        if self._closed:
            return self._closed_error
        if self._attempt is None and self.loop.time() < self._retry_at:
            return not_sent(self._failure)
        return None

    def _expire(self, call: Call) -> None:
        if call.stream_id:
            call.cancel_with(RpcError("DEADLINE_EXCEEDED", "no answer in time"))
            return
        call.cancel_with(not_sent("nothing took it in time"))
        self._queue.pop(call, None)

    async def _connect(self) -> None:
        session = ClientSession(self, self._encoder())
        try:
            await self._establish(session)
        except (OSError, ValueError) as error:
            # ValueError: a host's name that cannot be one
            words = str(error) or f"no connection within {CONNECT_S:g} s"
            self._failure = f"no connection to {self.target}: {words}".replace("\n", " ")
            self._retry_at = self.loop.time() + self._backoff_s
            self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_S)
            self._attempt = None
            self._fail_queue(not_sent(self._failure))
            return
        self._attempt = None
        self._backoff_s = BACKOFF_S
        self.connections += 1
        self._session = session
        queue, self._queue = self._queue, {}
        for call in queue:
            if not call.ended:
                session.begin(call)

    async def _establish(self, session: ClientSession) -> None:
        """Connect, and hear what the server takes. Raises OSError, TimeoutError."""
        done = False
        try:
            async with asyncio.timeout(CONNECT_S):
                transport = await self._dial(self._address, self._tls, lambda: session)
                self._sessions[session] = None
                session.gone.add_done_callback(lambda _: self._sessions.pop(session, None))
                if not speaks_http2(transport):
                    raise ConnectionError("the server does not speak HTTP/2")
                await asyncio.wait(
                    (session.greeted, session.gone), return_when=asyncio.FIRST_COMPLETED
                )
            if session.leaving or session.gone.done():
                raise ConnectionError(session.reason)
            done = True
        finally:
            if not done:
                session.abort()

    def _encoder(self) -> Encoder:
        return Encoder(self._address.authority, secure=self._tls is not None)

    def _fail_queue(self, error: RpcError) -> None:
        queue, self._queue = self._queue, {}
        for call in queue:
            self._deadlines.remove(call)
            call.fail(error)
