"""A client without a socket: what it is sent, and when it reads, is a matter of the test."""

from __future__ import annotations

import asyncio
from typing import Final

from storage.serve.etcd2.connection import Application, Connection


class Client(asyncio.Transport):
    """A client that reads only what it is told to; what is written waits."""

    BUFFER_MAX: Final = 1 << 16

    def __init__(self, application: Application) -> None:
        super().__init__()
        self.connection = Connection(application)
        self.waiting = b""
        self.most = 0
        """The most bytes that have ever waited."""
        self.reads = True
        self._heard = True
        self._closing = False
        self.connection.connection_made(self)

    def send(self, data: bytes) -> None:
        """Send to the server."""
        self.connection.data_received(data)

    def heard(self) -> bool:
        """Return whether the server reads what it sends."""
        return self._heard

    def read(self) -> bytes:
        """Take all that waits."""
        taken, self.waiting = self.waiting, b""
        if self.connection.write_paused:
            self.connection.resume_writing()
        return taken

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.waiting += bytes(data)
        self.most = max(self.most, len(self.waiting))
        if not self.reads and len(self.waiting) > self.BUFFER_MAX:
            self.connection.pause_writing()

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        """Go away."""
        self._closing = True
        self.connection.connection_lost(None)

    def pause_reading(self) -> None:
        self._heard = False

    def resume_reading(self) -> None:
        self._heard = True
