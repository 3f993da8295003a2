"""One client's connection: uvicorn's protocol, and a shorter way out for an answer that is whole.

How this works. ASGI tells an answer in two events, of which uvicorn makes two writes, after it has
looked at every header with regular expressions. Nearly all answers here are whole and alike, so a
request's scope carries ``kubedyno.answer``: a function that writes head and body at once, from a
head that is kept. It declines what is not that simple (a HEAD, the last answer of a connection, a
client that does not read), which then goes through ASGI's ``send``, as does every stream.

An idle connection is closed by one timer that looks again, not by a timer for each answer.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application, ASGIReceiveEvent, ASGIVersions, HTTPScope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from uvicorn.server import ServerState

from cluster.apiserver.asgi import ANSWER, NO_STORE, Answer
from cluster.apiserver.fanout.transport import EXTENSION, WatchProtocol
from cluster.apiserver.traffic import Cell, CountedTransport, Traffic, kind_of, source_of

HEADS_MAX: Final = 256
"""Kinds of answers whose head is kept; there are far fewer in a second."""
_VERSIONS: Final[ASGIVersions] = {"version": "3.0", "spec_version": "2.3"}


class Heads:
    """What answers of one kind begin with, up to their length. The date in it ends every second."""

    def __init__(self) -> None:
        self._default: object = None
        self._kept: dict[tuple[int, bytes], bytes] = {}

    def of(self, code: int, media_type: bytes, default: list[tuple[bytes, bytes]]) -> bytes:
        """Return a head but for the length; ``default`` are uvicorn's headers of this second."""
        if default is not self._default:
            self._default = default
            self._kept.clear()
        head = self._kept.get((code, media_type))
        if head is None:
            lines = [*default, (b"content-type", media_type), NO_STORE]
            fields = b"".join(b"%b: %b\r\n" % line for line in lines)
            head = STATUS_LINE[code] + fields + b"content-length: "
            if len(self._kept) < HEADS_MAX:
                self._kept[code, media_type] = head
        return head


class Exchange(RequestResponseCycle):
    """One request and its answer."""

    heads: Heads

    def answer(self, answer: Answer) -> bool:
        """Write a whole answer in one go; False: not this one, or not now (then through ASGI)."""
        code, media_type, body, more = answer
        if (
            more
            or not self.keep_alive
            or self.response_started
            or self.disconnected
            or self.flow.write_paused
            or self.scope["method"] == "HEAD"
        ):
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False  # who still listens must not ask for the body now
        head = self.heads.of(code, media_type, self.default_headers)
        self.transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))
        self.message_event.set()
        self.on_response()
        return True

    async def run_asgi(self, app: ASGI3Application) -> None:
        """Serve the request.

        Its scope leads back to it through the extensions. They go when it is served, or each
        request would leave a circle of 14 objects to the collector: 8 % of the CPU under load.
        """
        try:
            await super().run_asgi(app)
        finally:
            self.scope["extensions"] = {}

    async def receive(self) -> ASGIReceiveEvent:
        """Return the body, if all of it has come with the head; else what uvicorn does."""
        if (
            self.more_body
            or self.waiting_for_100_continue
            or self.disconnected
            or self.response_complete
            or not self.message_event.is_set()
        ):
            return await super().receive()
        self.message_event.clear()  # reading goes on when this is answered, or asked about again
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": False}


class Connection(WatchProtocol):
    """Serves an application over HTTP/1.1, without WebSockets or a limit of its own."""

    def __init__(
        self,
        heads: Heads,
        traffic: Traffic,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._heads = heads
        self._traffic = traffic
        self._source = ""
        self._cell = Cell()
        self._unsorted_bytes = 0
        """Received, of a request whose head is not there yet."""
        self._idle_since_s = 0.0

    def data_received(self, data: bytes) -> None:
        """Take what came over the socket."""
        self._unsorted_bytes += len(data)
        super().data_received(data)

    def sent(self, count: int) -> None:
        """Count what a stream has written past this protocol."""
        self._cell.sent += count

    def on_message_begin(self) -> None:
        """Begin a request; its scope is made when the whole head is there."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Begin to serve the request, or let it wait for those before it."""
        parser = self.parser
        version: str = parser.get_http_version()
        method = parser.get_method().decode("ascii")
        if not self._source:
            self._source = source_of(self.headers)
        cell = self._cell = self._traffic.cell(self._source, kind_of(method, self.url))
        cell.received += self._unsorted_bytes
        self._unsorted_bytes = 0
        exchange = Exchange(
            scope := self._scope(method, version),
            cast("asyncio.Transport", CountedTransport(self.transport, cell)),
            self.flow,
            self.logger,
            self.access_logger,
            self.access_log,
            self.server_state.default_headers,
            asyncio.Event(),
            self.expect_100_continue,
            version != "1.0" and parser.should_keep_alive(),
            self.on_response_complete,
        )
        exchange.heads = self._heads
        extensions = {EXTENSION: self, ANSWER: exchange.answer}
        scope["extensions"] = extensions  # type: ignore[typeddict-item]  # ours are no dicts
        before: RequestResponseCycle | None = self.cycle
        self.cycle = exchange
        if before is None or before.response_complete:
            self._start_asgi_task(exchange, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    def _scope(self, method: str, version: str) -> HTTPScope:
        """Return the scope of the request whose head has been read."""
        raw_path, _, query = self.url.partition(b"?")
        if raw_path[:1] != b"/" or b"#" in self.url:  # a whole URL, or what is none
            parsed = httptools.parse_url(self.url)
            raw_path, query = parsed.path, parsed.query or b""
        path = raw_path.decode("ascii")
        return {
            "type": "http",
            "asgi": _VERSIONS,
            "http_version": version,
            "method": method,
            "scheme": self.scheme or "http",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self.headers,
            "client": self.client,
            "server": self.server,
        }

    def on_response_complete(self) -> None:
        """Begin the next request that has come meanwhile, or be idle."""
        self.server_state.total_requests += 1
        self._cell.received += self._unsorted_bytes  # of its body
        self._unsorted_bytes = 0
        if self.transport.is_closing():
            return
        following = self.pipeline.pop() if self.pipeline else None
        if not self.pipeline:  # else each answer would let in what holds thousands of requests
            self.flow.resume_reading()
        if following is not None:
            self._start_asgi_task(*following)
            return
        self._idle_since_s = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_in(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who wait that the client has gone."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has been idle for long enough; else look again."""
        idle_s = self.loop.time() - self._idle_since_s
        if not self.cycle.response_complete:
            idle_s = 0.0
        if idle_s < self.timeout_keep_alive:
            self._look_in(self.timeout_keep_alive - idle_s)
        elif not self.transport.is_closing():
            self.transport.close()

    def _unset_keepalive_if_required(self) -> None:
        """Leave the timer alone: it looks by itself whether the connection is idle."""

    def _look_in(self, pause_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            pause_s, self.timeout_keep_alive_handler
        )
