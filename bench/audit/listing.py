"""Reading the API as plainly as can be: ``http.client`` and the standard library's JSON.

Nothing of the toolkit's own codecs or client is in here, so that it cannot share their faults.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

TIMEOUT_S: Final = 300.0

PATHS: Final = {
    "namespaces": "/api/v1/namespaces",
    "nodes": "/api/v1/nodes",
    "controllers": "/api/v1/replicationcontrollers",
    "pods": "/api/v1/pods",
    "events": "/api/v1/events",
}

JsonObject = dict[str, Any]


class ListingError(Exception):
    """The server did not answer a list."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A whole list, and the revision that it is of."""

    items: list[JsonObject]
    revision: int


def list_all(server: str, kind: str, revision: str = "") -> Listing:
    """List every object of a kind, following ``continue``. Raises ListingError.

    With a revision, as of that one; else the newest.
    """
    first = f"?resourceVersion={quote(revision)}&resourceVersionMatch=Exact" if revision else ""
    items: list[JsonObject] = []
    token = ""
    while True:
        query = f"?continue={quote(token)}" if token else first
        document = _get(server, PATHS[kind] + query)
        items += document.get("items") or []
        metadata = document.get("metadata") or {}
        token = metadata.get("continue") or ""
        if not token:
            return Listing(items, int(metadata.get("resourceVersion") or 0))


def _get(server: str, target: str) -> JsonObject:
    url = urlsplit(server)
    connection = http.client.HTTPConnection(
        url.hostname or "127.0.0.1", url.port or 80, timeout=TIMEOUT_S
    )
    try:
        connection.request("GET", target, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ListingError(f"GET {target}: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise ListingError(f"GET {target}: HTTP {answer.status}: {body[:200]!r}")
    try:
        document = json.loads(body)
    except ValueError as error:
        raise ListingError(f"GET {target}: no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ListingError(f"GET {target}: no object")
    return document
