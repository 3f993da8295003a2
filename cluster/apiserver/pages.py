"""What is no resource: health, version, metrics, discovery."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from cluster.apiserver.asgi import Answer, Scope
from cluster.apiserver.discovery import Discovery
from cluster.apiserver.errors import method_not_allowed
from cluster.apiserver.exposition import CONTENT_TYPE
from cluster.apiserver.health import NOT_FOUND, ROOTS, Health

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
        root = path.split("/", 2)[1]
        known = root in ROOTS or root in {"version", "metrics"}
        if known and scope["method"] not in {"GET", "HEAD"}:
            raise method_not_allowed()
        if root in ROOTS:
            return await self._health.answer(path, query)
        if path == "/version":
            return Answer(200, JSON, json.dumps(VERSION, indent=2).encode())
        if path == "/metrics":
            return Answer(200, CONTENT_TYPE, await self._metrics())
        page = self._discovery.page(path)
        return NOT_FOUND if page is None else Answer(200, JSON, page)
