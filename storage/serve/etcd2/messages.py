"""A request as it was heard, and what an answer becomes for a client that is not like most."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from storage.serve.etcd2.heads import CHUNKED

Headers = list[tuple[bytes, bytes]]


class Heard(NamedTuple):
    """A whole request."""

    method: str
    target: bytes
    headers: Headers
    body: bytes
    too_large: bool = False
    """The body is larger than a form may be; it was not kept."""
    keep_alive: bool = True
    new: bool = True
    """HTTP/1.1, not 1.0."""

    def header(self, name: bytes) -> bytes:
        """Return a header by its lower-case name; empty: there is none."""
        for field, value in self.headers:
            if field.lower() == name:
                return value
        return b""


class Stream(Protocol):
    """Whoever writes an answer in pieces."""

    @property
    def waits(self) -> bool:
        """Whether it waits for what may never come: only reading shows then who has gone."""
        ...

    def closed(self) -> None:
        """The client has gone."""
        ...

    def resumed(self) -> None:
        """The client reads again."""
        ...


def amended(payload: bytes, heard: Heard) -> bytes:
    """Return an answer for an old client, for the last of a connection, or without its body."""
    head, _, body = payload.partition(b"\r\n\r\n")
    if head.endswith(CHUNKED[:-2]) and (heard.method == "HEAD" or not heard.new):
        head = head.removesuffix(CHUNKED[:-2]).removesuffix(b"\r\n")
        body = body.partition(b"\r\n")[2].removesuffix(b"\r\n0\r\n\r\n")
    if not heard.new:
        head = head.replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        if heard.keep_alive:
            head += b"\r\nConnection: keep-alive"
    elif not heard.keep_alive:
        head += b"\r\nConnection: close"
    return head + b"\r\n\r\n" + (b"" if heard.method == "HEAD" else body)


def stream_head(head: bytes, heard: Heard) -> bytes:
    """Return the head of an answer in pieces, for whoever asked: an old client reads to the end."""
    if not heard.new:
        return head.replace(b"HTTP/1.1", b"HTTP/1.0", 1).replace(CHUNKED, b"", 1)
    return head if heard.keep_alive else head[:-2] + b"Connection: close\r\n\r\n"


def escaped_line(data: bytes) -> bytes:
    """Escape what is not ASCII in a request's line: the parser refuses what Go takes."""
    line, newline, rest = data.partition(b"\r\n")
    if line.isascii() or not newline:
        return data
    return b"".join(b"%%%02X" % byte if byte > 0x7F else bytes((byte,)) for byte in line) + (
        newline + rest
    )


def target_of(data: bytes) -> bytes:
    """Return the target of a request whose method nobody knows; empty: it is no request."""
    words = data.partition(b"\r\n")[0].split(b" ")
    if len(words) != 3 or not words[0].isalpha() or not words[2].startswith(b"HTTP/1."):
        return b""
    return words[1]


def without_offer(method: bytes, target: bytes, version: bytes, headers: Headers) -> bytes:
    """Return a request's head without its offer to speak another protocol."""
    dropped = (b"upgrade", b"connection", b"http2-settings")
    lines = [b"%b %b HTTP/%b" % (method, target, version)]
    lines += [b"%b: %b" % line for line in headers if line[0].lower() not in dropped]
    return b"\r\n".join(lines) + b"\r\n\r\n"
