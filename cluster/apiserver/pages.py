"""What is no resource: health, version, metrics, discovery."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from cluster.apiserver.aggregated import MEDIA_TYPE as AGGREGATED
from cluster.apiserver.aggregated import asks_for_aggregated
from cluster.apiserver.asgi import Answer, Scope
from cluster.apiserver.discovery import Discovery
from cluster.apiserver.errors import method_not_allowed
from cluster.apiserver.exposition import CONTENT_TYPE
from cluster.apiserver.health import NOT_FOUND, ROOTS, Health
from cluster.apiserver.openapi_v2 import PATH as OPENAPI_V2
from cluster.apiserver.openapi_v2 import openapi_v2

JSON: Final = b"application/json"

VERSION: Final = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+kubedyno",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "cpython",
    "platform": "linux/amd64",
}


class Pages:
    """Answers every path that names no resource."""

    def __init__(
        self, health: Health, discovery: Discovery, metrics: Callable[[], Awaitable[bytes]]
    ) -> None:
        self._health = health
        self._discovery = discovery
        self._metrics = metrics

    async def answer(self, scope: Scope, query: Mapping[str, str]) -> Answer:
        """Answer a path, 404 in plain text where there is nothing."""
        path = scope["path"].rstrip("/") or "/"
        root = path.removeprefix("/").partition("/")[0]
        known = root in ROOTS or root in {"version", "metrics"}
        if known and scope["method"] not in {"GET", "HEAD"}:
            raise method_not_allowed()
        if root in ROOTS:
            return await self._health.answer(path, query)
        if path == "/version":
            return Answer(200, JSON, json.dumps(VERSION, indent=2).encode())
        if path == "/metrics":
            return Answer(200, CONTENT_TYPE, await self._metrics())
        return self._document(path, dict(scope["headers"]))

    def _document(self, path: str, headers: Mapping[bytes, bytes]) -> Answer:
        """Answer a document of discovery; 304 to a client that has it."""
        media, page = JSON, None
        accept = headers.get(b"accept", b"").decode("latin-1")
        if path == OPENAPI_V2:
            media, page = openapi_v2(accept)
        elif asks_for_aggregated(accept):
            media, page = AGGREGATED, self._discovery.aggregated(path)
        if page is None:
            media, page = JSON, self._discovery.page(path)
        if page is None:
            return NOT_FOUND
        tag = b'"%b"' % hashlib.sha256(page).hexdigest().upper().encode()
        told = ((b"etag", tag), (b"vary", b"Accept"))
        if headers.get(b"if-none-match") == tag:
            return Answer(304, media, b"", told)
        return Answer(200, media, page, told)
