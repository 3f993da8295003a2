"""An exchange without sockets: an ASGI application called in this process.

For whole planes in one process, and for tests in virtual time: nothing here waits but on the
application, and timers are the loop's. Every request runs in a task of its own, as under a server,
so that a caller who gives up does not stop what was begun; it is told ``http.disconnect`` instead.
Byte counts are those of targets, header fields and bodies, for there is no HTTP.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self
from urllib.parse import unquote

from cluster.client.asgi import Application, RequestEvent, Scope, SendEvent
from cluster.client.exchange import NotSentError, Piece, Request, RequestTimeoutError, Response
from cluster.client.interface import TransportError
from cluster.client.streams import StreamReader
from storage.clock import Clock

REQUEST_BODY: Final = "http.request"
DISCONNECT: Final = "http.disconnect"


class InProcessExchange:
    """Requests to an application on the same loop (``Exchange``). Inside ``async with``."""

    def __init__(self, application: Application, clock: Clock) -> None:
        self._application = application
        self._clock = clock
        self._group = asyncio.TaskGroup()
        self._running: dict[_Running, asyncio.Task[None]] = {}
        self._open = False

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._open = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        if exc_type is not asyncio.CancelledError:
            # Its own errors leave the caller's block as they are, not as an ExceptionGroup.
            exc_type = exc = traceback = None
        await self._group.__aexit__(exc_type, exc, traceback)

    def close(self) -> None:
        self._open = False
        for running, task in list(self._running.items()):
            running.fail(TransportError("this client has been closed"))
            task.cancel()

    async def request(self, request: Request, *, timeout_s: float) -> Response:
        running = self._start(request, streams=False)
        return await self._answer(running, timeout_s)

    async def open_stream(
        self, request: Request, *, timeout_s: float, lifetime_s: float = 0.0
    ) -> StreamReader:
        running = self._start(request, streams=True)
        running.reader.begin(await self._answer(running, timeout_s))
        if lifetime_s:
            running.end_after(lifetime_s)
        return running.reader

    def _start(self, request: Request, *, streams: bool) -> _Running:
        if not self._open:
            raise NotSentError("this client is not open")
        running = _Running(request, self._clock, streams=streams)
        task = self._running[running] = self._group.create_task(self._serve(running))
        task.add_done_callback(lambda _: self._running.pop(running))
        return running

    async def _serve(self, running: _Running) -> None:
        try:
            await self._application(running.scope(), running.receive, running.send)
        except Exception as error:  # noqa: BLE001 (a server would log it and tear the connection)
            running.fail(TransportError(f"the application failed: {error!r}"))
        finally:
            running.fail(TransportError("the application ended without an answer"))

    async def _answer(self, running: _Running, timeout_s: float) -> Response:
        try:
            async with asyncio.timeout(timeout_s):
                return await running.answer
        except TimeoutError:
            running.abort()
            raise RequestTimeoutError("no answer within the deadline") from None
        except asyncio.CancelledError:
            running.abort()
            raise


class _Running:
    """One request inside the application, and the source of its stream."""

    def __init__(self, request: Request, clock: Clock, *, streams: bool) -> None:
        self._request = request
        self._clock = clock
        self._streams = streams
        self._told = False
        self._left = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._code = 0
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self.reader = StreamReader(self)
        self.answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def scope(self) -> Scope:
        """Return the request as ASGI has it."""
        path, _, query = self._request.target.partition("?")
        fields = (line.split(b": ", 1) for line in self._request.headers.split(b"\r\n") if line)
        return {
            "type": "http",
            "method": self._request.method,
            "path": unquote(path),
            "query_string": query.encode(),
            "headers": [(name.lower(), value) for name, value in fields],
            "extensions": {},
        }

    async def receive(self) -> RequestEvent:
        """Give the body, then wait for the client to leave."""
        if not self._told:
            self._told = True
            return {"type": REQUEST_BODY, "body": self._request.body, "more_body": False}
        await self._left.wait()
        return {"type": DISCONNECT}

    async def send(self, event: SendEvent) -> None:
        """Take the head or a piece of the body; a reader that lags holds it back."""
        if event["type"] == "http.response.start":
            self._code = event["status"]
            self._headers = {name.lower(): value for name, value in event.get("headers", [])}
            if self._streaming:
                self._respond()
            return
        body = event.get("body", b"")
        if self._streaming:
            if body and not self._left.is_set():
                self.reader.feed(Piece(self._clock.stamp_ns(), body, len(body)))
            if not event.get("more_body"):
                self.reader.end(None)
            await self._flowing.wait()
            return
        self._body.append(body)
        if not event.get("more_body"):
            self._respond()

    @property
    def _streaming(self) -> bool:
        return self._streams and self._code == 200

    def _respond(self) -> None:
        request = self._request
        body = b"".join(self._body)
        head_bytes = sum(len(name) + len(value) for name, value in self._headers.items())
        retry_after = self._headers.get(b"retry-after", b"")
        response = Response(
            self._code,
            self._headers.get(b"content-type", b"").decode("latin-1"),
            body,
            self._clock.stamp_ns(),
            len(request.target) + len(request.headers) + len(request.body),
            head_bytes + len(body),
            int(retry_after) if retry_after.isdigit() else 0,
        )
        if not self.answer.done():
            self.answer.set_result(response)

    def end_after(self, lifetime_s: float) -> None:
        """Tear the stream if it lasts longer."""
        late = RequestTimeoutError("the stream outlived its time")
        self._timer = asyncio.get_running_loop().call_later(lifetime_s, self.fail, late)

    def fail(self, error: TransportError) -> None:
        """End what is not ended with an error."""
        if not self.answer.done():
            self.answer.set_exception(error)
        self.reader.end(error)
        self.abort()

    def pause(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def abort(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._left.set()
        self._flowing.set()
