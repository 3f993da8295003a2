"""How answers begin: the lines of a real etcd's HTTP, kept ready but for what changes.

Every payload is a whole answer of HTTP/1.1 on a connection that stays; ``connection`` amends those
few of which something else is true.
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from storage.clock import Clock

CORS: Final = (
    b"Access-Control-Allow-Headers: accept, content-type, authorization\r\n"
    b"Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n"
    b"Access-Control-Allow-Origin: *\r\n"
)
"""Said with every answer of a router, as etcd says it where nobody has restricted origins."""
JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
NOSNIFF: Final = b"X-Content-Type-Options: nosniff\r\n"
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


def status_line(status: int) -> bytes:
    """Return the first line."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


WHOLE_BYTES_MAX: Final = 2048
"""Up to here Go's server tells a body's length; what is longer goes out in chunks."""
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def failure(status: int, reason: str = "") -> bytes:
    """Return the answer to what is no request at all; the connection ends with it."""
    text = f"{status} {HTTPStatus(status).phrase}" + (f": {reason}" if reason else "")
    lines = f"HTTP/1.1 {text}\r\nContent-Type: {TEXT}\r\nConnection: close\r\n\r\n{text}"
    return lines.encode()


def unsupported() -> bytes:
    """Return the answer to a body in a coding that is not known, as Go has it."""
    line = status_line(501) + f"Content-Type: {TEXT}\r\nConnection: close\r\n\r\n".encode()
    return line + b"Unsupported transfer encoding"


def framed(body: bytes) -> bytes:
    """Return the last lines of a head, and the body."""
    if len(body) <= WHOLE_BYTES_MAX:
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    return b"%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (CHUNKED, len(body), body)


class Heads:
    """Makes payloads for one member of one cluster."""

    def __init__(self, clock: Clock, cluster_id: int, term: int) -> None:
        self._clock = clock
        self._second = -1
        self._date = b""
        self.cluster = b"X-Etcd-Cluster-Id: %x\r\n" % cluster_id
        self._raft = b"\r\nX-Raft-Term: %d\r\n" % term
        self._keyed = {status: self._key_head(status) for status in (200, 201)}

    def _key_head(self, status: int) -> bytes:
        fields = b"Content-Type: application/json\r\n" + self.cluster + b"X-Etcd-Index: "
        return status_line(status) + CORS + fields

    def date(self) -> bytes:
        """Return the line that tells the time."""
        now = self._clock.now()
        second = 86_400 * now.toordinal() + 3600 * now.hour + 60 * now.minute + now.second
        if second != self._second:
            self._second = second
            self._date = b"Date: %b\r\n" % http_date(now).encode()
        return self._date

    def keyed(self, status: int, index: int, raft_index: int, body: bytes) -> bytes:
        """Return the answer to a request on a key that was done."""
        return b"%b%d\r\nX-Raft-Index: %d%b%b%b" % (
            self._keyed[status],
            index,
            raft_index,
            self._raft,
            self.date(),
            framed(body),
        )

    def in_pieces(self, index: int, raft_index: int) -> bytes:
        """Return the head of an answer that comes in pieces."""
        return b"%b%d\r\nX-Raft-Index: %d%b%b%b\r\n" % (
            self._keyed[200],
            index,
            raft_index,
            self._raft,
            self.date(),
            CHUNKED,
        )

    def refused(self, status: int, index: int, body: bytes) -> bytes:
        """Return the answer to a request on a key that was refused."""
        extra = self.cluster + b"X-Etcd-Index: %d\r\n" % index
        return self.plain(status, body, JSON, extra)

    def not_met(self) -> bytes:
        """Return the answer to who expects what nobody does; the connection ends with it."""
        end = b"Content-Length: 0\r\n\r\n"
        return status_line(417) + b"Connection: close\r\n" + self.date() + end

    def not_allowed(self, methods: tuple[str, ...]) -> bytes:
        """Return the answer to a method that a path does not know."""
        lines = f"Allow: {','.join(methods)}\r\nContent-Type: {TEXT}\r\n".encode() + NOSNIFF
        return self.plain(405, b"Method Not Allowed\n", extra=lines)

    def plain(
        self, status: int, body: bytes = b"", content_type: str = "", extra: bytes = b""
    ) -> bytes:
        """Return any other answer; ``extra`` are lines of its head."""
        typed = f"Content-Type: {content_type}\r\n".encode() if content_type else b""
        return b"".join((status_line(status), CORS, typed, extra, self.date(), framed(body)))


def http_date(now: datetime) -> str:
    """Return a date as HTTP writes it.

    >>> http_date(datetime(2026, 11, 3, 16, 38, 29, tzinfo=UTC))
    'Tue, 03 Nov 2026 16:38:29 GMT'
    """
    now = now.astimezone(UTC)
    day, month = _DAYS[now.weekday()], _MONTHS[now.month - 1]
    return f"{day}, {now.day:02d} {month} {now:%Y %H:%M:%S} GMT"
