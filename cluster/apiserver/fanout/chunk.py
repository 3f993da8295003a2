"""Bytes on their way to many watchers, framed at most once."""

from __future__ import annotations


class Chunk:
    """Some events, joined: ``payload`` for ASGI, ``http`` for a transport."""

    __slots__ = ("_http", "payload")

    def __init__(self, payload: bytes) -> None:
        assert payload, "an empty chunk would end the response"
        self.payload = payload
        self._http = b""

    @property
    def http(self) -> bytes:
        """The payload as one chunk of HTTP/1.1's chunked transfer coding."""
        if not self._http:
            self._http = b"%x\r\n%b\r\n" % (len(self.payload), self.payload)
        return self._http
