"""A watch in a greenlet: the standard library's HTTP client, which gevent makes wait politely."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from bench.load.settings import Server
from bench.tls import context_of
from serialization.codecs.interface import Codec, Frame

READ_BYTES: Final = 1 << 16
TIMEOUT_S: Final = 400.0
"""Longer than the watch itself is asked to take."""


class WatchRefusedError(Exception):
    """The server answered a watch with something else; the message is its code."""


def watch(server: Server, codec: Codec, path: str) -> Iterator[Frame]:
    """Yield the events of a watch until the server ends it.

    Raises WatchRefusedError, OSError or http.client.HTTPException.
    """
    address = urlsplit(server.url)
    connection = _connect(server, address.hostname or "", address.port)
    headers = {"accept": codec.stream_media_type}
    if server.token:
        headers["authorization"] = f"Bearer {server.token}"
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise WatchRefusedError(str(answer.status))
        reader = codec.frame_reader()
        while data := answer.read1(READ_BYTES):
            yield from reader.feed(data)
    finally:
        connection.close()


def _connect(server: Server, host: str, port: int | None) -> http.client.HTTPConnection:
    tls = context_of(server)
    if tls is None:
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=tls)
