"""Reading the API as plainly as can be: ``http.client`` and the standard library's JSON.

Nothing of the toolkit's own codecs or client is in here, so that it cannot share their faults.
Lists are read as streams, and of every object only what the comparison needs is kept.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from bench.audit.streaming import JsonObject, ListDocument, TornDocumentError

TIMEOUT_S: Final = 300.0
GONE: Final = 410

PATHS: Final = {
    "namespaces": "/api/v1/namespaces",
    "nodes": "/api/v1/nodes",
    "controllers": "/api/v1/replicationcontrollers",
    "pods": "/api/v1/pods",
    "events": "/api/v1/events",
}


class ListingError(Exception):
    """The server did not answer a list."""


class GoneError(ListingError):
    """The revision that was asked for has been compacted away."""

    def __init__(self, message: str, token: str) -> None:
        super().__init__(message)
        self.token = token
        """With which the list goes on, at the newest revision; empty: it does not."""


class Item(NamedTuple):
    """What the comparison needs of an object."""

    uid: str
    namespace: str
    plain_name: str
    version: str
    node: str
    phase: str
    owners: tuple[str, ...]
    """Uids."""
    replicas: int | None
    about: str
    """The uid of the pod that an event is about; empty: of nothing, or of something else."""

    @property
    def name(self) -> str:
        """Return the name with its namespace."""
        return f"{self.namespace}/{self.plain_name}".lstrip("/")

    @classmethod
    def of(cls, plain: JsonObject) -> Item:
        """Return what is needed of an object."""
        metadata, spec = plain["metadata"], plain.get("spec") or {}
        about = plain.get("involvedObject") or {}
        return cls(
            str(metadata.get("uid")),
            metadata.get("namespace") or "",
            str(metadata.get("name")),
            str(metadata.get("resourceVersion")),
            spec.get("nodeName") or "",
            (plain.get("status") or {}).get("phase") or "",
            tuple(str(o.get("uid")) for o in metadata.get("ownerReferences") or ()),
            spec.get("replicas"),
            str(about.get("uid")) if about.get("kind") == "Pod" else "",
        )


@dataclass(slots=True)
class Stream:
    """A list that is being read; follows ``continue``."""

    server: str
    kind: str
    exact: str = ""
    """The resourceVersion as of which to list; empty: the newest."""
    limit: int = 0
    """Objects a page; 0: all in one answer, which a watch cache gives."""
    inconsistent: bool = False
    """Where the revision is compacted away meanwhile, go on at the newest."""
    revision: int = 0
    """Of the first page; 0 before it has been read."""
    count: int = 0

    def items(self) -> Iterator[Item]:
        """Yield every object. Raises GoneError, ListingError."""
        query = {"limit": str(self.limit)} if self.limit else {}
        first = dict(query)
        if self.exact:
            first |= {"resourceVersion": self.exact, "resourceVersionMatch": "Exact"}
        asked = first
        while True:
            try:
                token = yield from self._page(asked)
            except GoneError as error:
                if not self.inconsistent or not error.token:
                    raise
                token = error.token
            if not token:
                return
            asked = {**query, "continue": token}

    def _page(self, query: dict[str, str]) -> Generator[Item, None, str]:
        """Yield a page's objects; return the token of the next one."""
        text = "&".join(f"{name}={quote(value)}" for name, value in query.items())
        target = PATHS[self.kind] + (f"?{text}" if text else "")
        connection = _connect(self.server)
        try:
            connection.request("GET", target, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            if answer.status != 200:
                _refuse(target, answer.status, answer.read())
            document = ListDocument(answer.read)
            for plain in document.items():
                self.count += 1
                yield Item.of(plain)
        except (OSError, http.client.HTTPException, TornDocumentError) as error:
            raise ListingError(f"GET {target}: {error}") from error
        finally:
            connection.close()
        metadata = document.head.get("metadata") or {}
        self.revision = self.revision or int(metadata.get("resourceVersion") or 0)
        return metadata.get("continue") or ""


def _connect(server: str) -> http.client.HTTPConnection:
    url = urlsplit(server)
    return http.client.HTTPConnection(
        url.hostname or "127.0.0.1", url.port or 80, timeout=TIMEOUT_S
    )


def _refuse(target: str, status: int, body: bytes) -> None:
    message = f"GET {target}: HTTP {status}: {body[:200]!r}"
    if status != GONE:
        raise ListingError(message)
    try:
        token = (json.loads(body).get("metadata") or {}).get("continue") or ""
    except (ValueError, AttributeError):
        token = ""
    raise GoneError(message, token)
