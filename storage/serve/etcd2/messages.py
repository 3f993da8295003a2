"""A request as it was heard, and what an answer becomes for a client that is not like most."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from storage.serve.etcd2.heads import CHUNKED


class Heard(NamedTuple):
    """A whole request."""

    method: str
    target: bytes
    named: dict[bytes, bytes]
    """The first value of each header, by its name in lower case."""
    body: bytes
    fault: str = ""
    """Why the body cannot be read; it was not kept."""
    keep_alive: bool = True
    new: bool = True
    """HTTP/1.1, not 1.0."""
    unread: bool = False
    """The client may still be sending the body."""

    def header(self, name: bytes) -> bytes:
        """Return a header by its lower-case name; empty: there is none."""
        return self.named.get(name, b"")


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
