"""The link to etcd: which endpoint is asked, for how long, and when to turn to another.

One endpoint serves all requests until it fails or stalls; then the next one does. A *read* is asked
again, elsewhere, until its deadline. A *write* is asked again only where it is certain that it has
not happened (``CallError.refused``); everything else is its caller's to find out.

A read through etcd's log takes a place in the log. Our own served etcd has none to give while it is
read-only; then it is asked for what it has applied, which nothing can be newer than.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from pathlib import Path
from typing import Final

from storage.remote.etcd2.failures import (
    READ_ONLY,
    CallError,
    RefusedError,
    unanswered,
    unwell,
)
from storage.remote.http1.connection import Answer, Connection, Exchange, Sink
from storage.remote.http1.failures import Fault, HttpError
from storage.remote.http1.pool import Pool
from storage.remote.http2.dialing import tls_context
from storage.remote.rotation import Rotation
from storage.remote.url import RemoteUrl, StoreUrlError

CALL_S: Final = 10.0
"""How long a call may take in all. etcd itself gives a proposal up after 7 s."""

TRY_S: Final = 3.0
"""How long one attempt of a read may take, before another endpoint is asked."""

LONG_S: Final = 60.0
"""How long a listing may take: one of 60,000 objects is made in seconds, and told in others."""

BEGIN_S: Final = 5.0
"""How long a member may take to answer that a watch has begun."""

PAUSE_S: Final = 0.02
PAUSE_MAX_S: Final = 0.5

CONNECTIONS_MAX: Final = 64
"""To one endpoint, streams and polls aside. A member answers one request a connection at a time."""

QUORUM: Final = b"quorum=true"
"""In a path: the read is to go through etcd's log."""

INDEX: Final = b"x-etcd-index"
CLUSTER: Final = b"x-etcd-cluster-id"
KEPT: Final = frozenset({INDEX, CLUSTER})


class Link:
    """All connections of a store. Made on the loop that it belongs to."""

    def __init__(self, url: RemoteUrl) -> None:
        """Make the pools; they connect when they are used. Raises StoreUrlError."""
        self.calls = 0
        """How many requests were sent that have one answer."""
        self.alarm = ""
        """Why no writes are taken, as the last read through the log was told."""
        login = _login(url)
        tls = _tls(url)
        pools = [Pool(target, tls, size=CONNECTIONS_MAX, keep=KEPT) for target in url.targets]
        self.rotation = Rotation(pools)
        """Which endpoint is asked."""
        self._heads: dict[str, bytes] = {}
        """What follows the first line of each request, by endpoint."""
        for pool in pools:
            host = pool.address.authority.encode()
            self._heads[pool.target] = b" HTTP/1.1\r\nHost: " + host + b"\r\n" + login

    async def close(self) -> None:
        """Close the connections."""
        self.rotation.close()
        for endpoint in self.rotation.endpoints:
            await endpoint.connection.close()

    @property
    def endpoint(self) -> str:
        """The endpoint that is asked now."""
        return self.rotation.connection.target

    async def read(self, path: bytes, *, long: bool = False) -> Answer:
        """Ask until there is an answer or the time is over. Raises CallError, RefusedError.

        A ``long`` one does not count as a call that waits: it says nothing about the endpoint.
        """
        loop = asyncio.get_running_loop()
        whole_s, try_s = (2 * LONG_S, LONG_S) if long else (CALL_S, TRY_S)
        deadline = loop.time() + whole_s
        pause_s = PAUSE_S
        while True:
            try:
                seconds = min(try_s, deadline - loop.time())
                answer = await self._once(b"GET " + path, b"\r\n", seconds, long=long)
            except CallError as error:
                if not error.passing or loop.time() + pause_s >= deadline:
                    raise
            except RefusedError as error:
                if not error.read_only or QUORUM not in path:
                    raise
                self.alarm = error.cause.removeprefix(READ_ONLY)
                path = path.replace(QUORUM, b"quorum=false")
                continue
            else:
                if QUORUM in path:
                    self.alarm = ""
                return answer
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def put(self, path: bytes, body: bytes) -> Answer:
        """Write, again only where nothing can have happened. Raises CallError, RefusedError."""
        length = b"%d" % len(body)
        rest = (
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
            + length
            + b"\r\n\r\n"
            + body
        )
        return await self._write(b"PUT " + path, rest)

    async def delete(self, path: bytes) -> Answer:
        """As ``put``."""
        return await self._write(b"DELETE " + path, b"\r\n")

    async def stream(self, path: bytes, sink: Sink) -> Exchange:
        """Open a stream at the present endpoint (``Pool.stream``). Raises CallError."""
        pool = self.rotation.connection
        request = b"GET " + path + self._heads[pool.target] + b"\r\n"
        try:
            exchange = await pool.stream(request, sink, BEGIN_S)
        except HttpError as error:
            raise unanswered(error) from None
        return exchange

    async def polls(self) -> Polls:
        """Connect for polls to the present endpoint. Raises CallError."""
        pool = self.rotation.connection
        try:
            connection = await pool.connect()
        except HttpError as error:
            raise unanswered(error) from None
        return Polls(connection, self._heads[pool.target])

    async def _write(self, begin: bytes, rest: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CALL_S
        pause_s = PAUSE_S
        while True:
            try:
                return await self._once(begin, rest, deadline - loop.time())
            except CallError as error:
                if not error.refused or loop.time() + pause_s >= deadline:
                    raise
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def _once(
        self, begin: bytes, rest: bytes, timeout_s: float, *, long: bool = False
    ) -> Answer:
        """Ask the present endpoint, once; return its answer, if it is below 500.

        Raises CallError; RefusedError for one that is not, but is as certain.
        """
        rotation = self.rotation
        index = rotation.current
        endpoint = rotation.endpoints[index] if long else rotation.begin()
        pool = endpoint.connection
        self.calls += 1
        try:
            answer = await pool.ask(begin + self._heads[pool.target] + rest, timeout_s)
        except HttpError as error:
            if error.fault is not Fault.CLOSED:
                rotation.turn(index)
            raise unanswered(error) from None
        finally:
            if not long:
                endpoint.waiting -= 1
        endpoint.answered_at = asyncio.get_running_loop().time()
        if answer.status >= 500:
            said = unwell(answer)
            if isinstance(said, CallError):
                rotation.turn(index)
            raise said
        return answer


class Polls:
    """A connection on which several polls may be under way. Its owner closes it."""

    def __init__(self, connection: Connection, head: bytes) -> None:
        self._connection = connection
        self._head = head

    def ask(self, paths: list[bytes]) -> list[Exchange]:
        """Send requests at once; their answers come in this order. Raises CallError."""
        if not self._connection.usable:
            raise CallError("the connection of the polls broke", Fault.BROKEN)
        head = self._head
        payload = b"".join([b"GET " + path + head + b"\r\n" for path in paths])
        return self._connection.send(payload, len(paths))

    def close(self) -> None:
        """Give it up, and what is under way. Idempotent."""
        self._connection.close(HttpError(Fault.BROKEN, "the polls have ended"))


def index_of(answer: Answer) -> int:
    """Return the store's index that an answer tells; 0: it tells none."""
    told = answer.headers.get(INDEX, b"")
    return int(told) if told.isdigit() else 0


def _login(url: RemoteUrl) -> bytes:
    password = url.secret()
    if not url.user:
        return b""
    login = b64encode(f"{url.user}:{password}".encode())
    return b"Authorization: Basic " + login + b"\r\n"


def _tls(url: RemoteUrl) -> ssl.SSLContext | None:
    if not url.tls:
        return None
    files = [_content(path) for path in (url.cacert, url.cert, url.key)]
    try:
        return tls_context(*files, protocol="http/1.1")
    except OSError as error:
        raise StoreUrlError(f"cannot use a file of the store's address: {error}") from error


def _content(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreUrlError(f"cannot read a file of the store's address: {error}") from error
