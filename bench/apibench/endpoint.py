"""A server as the generator knows it: where it is, and requests to it as bytes."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

from bench.apibench.answers import AnswerFaultError, AnswerReader
from bench.load.settings import Server
from bench.tls import context_of

CALL_S_MAX: Final = 300.0
"""Long enough to delete tens of thousands of pods in one call."""
READ_BYTES: Final = 1 << 18
USER_AGENT: Final = "kubedyno-api-bench"


class UnreachableError(Exception):
    """No answer from the server; the message is one line."""


class Endpoint:
    """Where a server is, how it knows us, and the head that every request to it begins with."""

    def __init__(self, server: Server) -> None:
        address = urlsplit(server.url)
        self.url = server.url
        self.tls = context_of(server)
        self.host = address.hostname or ""
        self.port = address.port or (443 if self.tls else 80)
        self._prefix = address.path.rstrip("/")
        lines = [f"host: {address.netloc}", f"user-agent: {USER_AGENT}"]
        if server.token:
            lines.append(f"authorization: Bearer {server.token}")
        self._lines = "\r\n".join(lines)

    def head(
        self, method: str, path: str, *, accept: str, content_type: str = "", length: int = 0
    ) -> bytes:
        """Return a request up to its body of ``length`` bytes."""
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", self._lines, f"accept: {accept}"]
        if content_type:
            lines += [f"content-type: {content_type}", f"content-length: {length}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class Answer:
    """A whole answer."""

    __slots__ = ("body", "code")

    def __init__(self, code: int, body: bytes) -> None:
        self.code = code
        self.body = body


async def call(endpoint: Endpoint, head: bytes, body: bytes = b"") -> Answer:
    """Make one request on a connection of its own. Raises UnreachableError."""
    pieces: list[bytes] = []
    reader = AnswerReader(pieces.append)
    where = f"{endpoint.url}: "
    try:
        async with asyncio.timeout(CALL_S_MAX):
            incoming, outgoing = await asyncio.open_connection(
                endpoint.host, endpoint.port, ssl=endpoint.tls
            )
            try:
                outgoing.write(head + body)
                while data := await incoming.read(READ_BYTES):
                    if reader.feed(data):
                        return Answer(reader.code, b"".join(pieces))
                if reader.ended():
                    return Answer(reader.code, b"".join(pieces))
            finally:
                outgoing.close()
    except TimeoutError:
        raise UnreachableError(f"{where}no answer within {CALL_S_MAX:g} s") from None
    except OSError as error:
        raise UnreachableError(f"{where}{error.strerror or error}") from error
    except AnswerFaultError as error:
        raise UnreachableError(f"{where}{error}") from error
    raise UnreachableError(f"{where}the connection was closed without an answer")
