"""Bytes on the sockets of an API server, by who asks and what for: the other end of clients' own.

Everything that comes and goes over a connection is counted, heads and framing included: what a
client counts and what is counted here are the same number. Who asks is told by the user agent of a
connection's first request; a request's bytes are known as its kind's once its head has been read.
"""

from __future__ import annotations

import asyncio
from typing import Final

OTHER: Final = "other"
AGENT: Final = b"kubedyno-"
SOURCES: Final = frozenset(
    ("nodes", "nodes-events", "control", "control-events", "measuring", "audit", "locust")
)
_WRITES: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Cell:
    """The bytes of one source and kind."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.received = 0
        self.sent = 0


class Traffic:
    """All cells of one server: as many as there are sources times kinds, whoever asks."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], Cell] = {}

    def cell(self, source: str, kind: str) -> Cell:
        """Return the cell of a source and kind (hot: once a request)."""
        cell = self._cells.get((source, kind))
        if cell is None:
            cell = self._cells[source, kind] = Cell()
        return cell

    def flat(self) -> dict[str, int]:
        """Return all cells under the names that ``--stats`` uses."""
        told = {}
        for (source, kind), cell in sorted(self._cells.items()):
            told[f"received_bytes_{source}_{kind}"] = cell.received
            told[f"sent_bytes_{source}_{kind}"] = cell.sent
        return told


class CountedTransport:
    """What uvicorn needs of a transport to answer a request, with its bytes counted."""

    __slots__ = ("_cell", "_transport", "close", "is_closing")

    def __init__(self, transport: asyncio.Transport, cell: Cell) -> None:
        self._transport = transport
        self._cell = cell
        self.close = transport.close
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write and count."""
        self._cell.sent += len(data)
        self._transport.write(data)


def source_of(headers: list[tuple[bytes, bytes]]) -> str:
    """Return who asks, by the user agent; whoever is not known is ``other``."""
    for name, value in headers:
        if name == b"user-agent":
            if value.startswith(AGENT):
                source = value[len(AGENT) :].decode("latin-1")
                return source if source in SOURCES else OTHER
            break
    return OTHER


def kind_of(method: str, url: bytes) -> str:
    """Return what a request is for, as far as its first line tells (hot: once a request)."""
    path, _, query = url.partition(b"?")
    if method == "GET":
        if b"watch=" in query:
            return "watch"
        return "get"
    if path.endswith((b"/status", b"/binding")):
        return "status" if path.endswith(b"s") else "binding"
    if b"/events" in path:
        return "events"
    return _WRITES.get(method, OTHER)
