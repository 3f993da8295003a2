"""HTTP by hand, blocking: requests as bytes, answers with every line of their heads."""

from __future__ import annotations

import json
import re
import select
import socket
from collections.abc import Iterable
from typing import Final, NamedTuple

PATIENCE_S: Final = 20.0
_VARYING: Final = re.compile(rb'"expiration":"[0-9TZ:.\-]+"')
_TTL: Final = re.compile(rb'"ttl":(\d+)')
TTL_STEP: Final = 50
"""TTLs of tests are multiples of it; one that has gone on by less is the same."""
OWN: Final = frozenset((b"date", b"x-etcd-cluster-id", b"x-raft-index", b"x-raft-term"))
"""Headers whose values belong to a server; that they are there is compared."""


FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))


class Reply(NamedTuple):
    """A whole answer."""

    status: bytes
    """The first line."""
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def code(self) -> int:
        """The number."""
        return int(self.status.split(b" ", 2)[1])

    def header(self, name: bytes) -> bytes:
        """Return a header by its lower-case name; empty: it is not there."""
        return next((value for key, value in self.headers if key.lower() == name), b"")

    def comparable(self, *, ordered: bool = True) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
        """Return what two servers must agree on: times and ids are left out.

        ``ordered``: the order of nodes counts; a real one has none unless it was asked to sort.
        """
        # A moment has more digits or fewer, and so its answer one length or another, or none.
        timed = self.code in (200, 201) and (b"expiration" in self.body or not self.body)
        headers = sorted(
            (name, b"*" if name.lower() in OWN else value)
            for name, value in self.headers
            if not (timed and name.lower() in FRAMING)
        )
        body = without_times(self.body)
        if not ordered and b'"nodes"' in body:
            body = json.dumps(_in_order(json.loads(body))).encode()
        return self.status, headers, body


def without_times(body: bytes) -> bytes:
    """Return a body without its moments; what is left of a TTL is rounded up."""
    body = _VARYING.sub(b'"expiration":"*"', body)
    return _TTL.sub(lambda ttl: b'"ttl":%d' % (-(-int(ttl[1]) // TTL_STEP) * TTL_STEP), body)


def _in_order(told: object) -> object:
    """Return an answer with all its nodes in the order of their keys."""
    if isinstance(told, dict):
        return {name: _in_order(value) for name, value in told.items()}
    if isinstance(told, list):
        return sorted(map(_in_order, told), key=str)
    return told


class Wire:
    """One connection to a server."""

    def __init__(self, endpoint: str) -> None:
        """``endpoint`` is ``host:port``, or the path of a Unix socket."""
        if endpoint.startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(endpoint)
        else:
            host, _, port = endpoint.rpartition(":")
            self.socket = socket.create_connection((host, int(port)))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(PATIENCE_S)
        self.buffer = b""
        self.ended = False
        """The server has closed it."""

    def close(self) -> None:
        """End it."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are; a server that has closed is told nothing."""
        try:
            self.socket.sendall(data)
        except OSError:
            self.ended = True

    def ask(self, data: bytes) -> Reply:
        """Send a request; return its answer."""
        self.send(data)
        return self.reply(without_body=data.startswith(b"HEAD "))

    def reply(self, *, without_body: bool = False) -> Reply:
        """Read one answer; of what the server breaks off, what came."""
        status, headers = self.head()
        if without_body or b" 204 " in status:
            return Reply(status, headers, b"")
        named = {name.lower(): value for name, value in headers}
        if b"content-length" in named:
            return Reply(status, headers, self._take(int(named[b"content-length"])))
        if named.get(b"transfer-encoding") == b"chunked":
            return Reply(status, headers, b"".join(self._chunks()))
        while self._more():
            pass
        body, self.buffer = self.buffer, b""
        return Reply(status, headers, body)

    def head(self) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
        """Read a status line and headers; empty if the server closes instead."""
        self.await_head()
        if b"\r\n\r\n" not in self.buffer:
            return b" 0 ", ()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        pairs = (line.partition(b": ") for line in lines)
        return status, tuple((name, value) for name, _, value in pairs)

    def await_head(self) -> None:
        """Wait until a whole head is in the buffer, or the server has closed."""
        while b"\r\n\r\n" not in self.buffer and self._more():
            pass

    def chunk(self) -> bytes:
        """Read a chunk; the last is empty."""
        while b"\r\n" not in self.buffer:
            if not self._more():
                return b""
        size, _, self.buffer = self.buffer.partition(b"\r\n")
        return self._take(int(size, 16) + 2)[:-2]

    def _chunks(self) -> Iterable[bytes]:
        while piece := self.chunk():
            yield piece

    def _take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            if not self._more():
                break
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _more(self) -> bool:
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            data = b""
        self.buffer += data
        self.ended = self.ended or not data
        return bool(data)


def request(method: str, target: bytes | str, body: bytes | None = None, *headers: str) -> bytes:
    """Return a request; a body is a form."""
    if isinstance(target, str):
        target = target.encode()
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: etcd"]
    lines += [header.encode() for header in headers]
    if body is not None:
        if not any(header.lower().startswith("content-type") for header in headers):
            lines.append(b"Content-Type: application/x-www-form-urlencoded")
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def gather(wires: list[Wire], quiet_s: float) -> None:
    """Read whatever comes on any of them, until all have been quiet for a while."""
    waiting = {wire.socket: wire for wire in wires if not wire.ended}
    while waiting:
        ready, _, _ = select.select(list(waiting), [], [], quiet_s)
        if not ready:
            return
        for each in ready:
            wire = waiting[each]
            try:
                data = each.recv(1 << 16)
            except ConnectionError:
                data = b""
            wire.buffer += data
            if not data:
                wire.ended = True
                del waiting[each]
