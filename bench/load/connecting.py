"""Connections to the server that a kubeconfig describes, with TLS or without."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from geventhttpclient import HTTPClient

from bench.load.settings import Server
from bench.tls import context_of

TIMEOUT_S: Final = 60.0


def connection(server: Server) -> HTTPClient:
    """Return a client that keeps its connections to a server."""
    address, tls = urlsplit(server.url), context_of(server)
    return HTTPClient(
        address.hostname or "",
        address.port or (443 if tls else 80),
        connection_timeout=TIMEOUT_S,
        network_timeout=TIMEOUT_S,
        concurrency=2,  # a user's tasks, and what its watch leads to
        ssl=tls is not None,
        ssl_context_factory=None if tls is None else lambda: tls,
    )
