"""The v2 protocol by the standard library alone: what a store of etcd 2 says over HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from tests.storage.etcd2.random_operations import Operation

TIMEOUT_S: Final = 30.0
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, ``X-Etcd-Index``, and the body."""

    status: int
    index: int
    body: Json


class PlainClient:
    """One connection to one member, ``host:port``."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._connection = http.client.HTTPConnection(endpoint, timeout=TIMEOUT_S)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def play(self, operation: Operation) -> Answer:
        """Ask for an operation."""
        response = ask(self._connection, operation)
        body = json.loads(response.read())
        assert isinstance(body, dict)
        return Answer(response.status, int(response.headers["X-Etcd-Index"]), body)

    def statistics(self) -> dict[str, int]:
        """Return ``/v2/stats/store``."""
        self._connection.request("GET", "/v2/stats/store")
        found: dict[str, int] = json.loads(self._connection.getresponse().read())
        return found

    @contextmanager
    def stream(self, key: str, *, recursive: bool) -> Iterator[Iterator[Json]]:
        """Watch as a stream; the block is entered when the watch has begun."""
        connection = http.client.HTTPConnection(self._endpoint, timeout=TIMEOUT_S)
        query = f"?wait=true&stream=true&recursive={str(recursive).lower()}"
        try:
            connection.request("GET", f"/v2/keys{quote(key)}{query}")
            response = connection.getresponse()
            yield (json.loads(line) for line in iter(response.readline, b""))
        finally:
            connection.close()


def ask(connection: http.client.HTTPConnection, operation: Operation) -> http.client.HTTPResponse:
    """Send an operation and return its response, of which only the head has been read."""
    path = f"/v2/keys{quote(operation.key)}"
    parameters = urlencode(operation.parameters())
    if operation.method in ("PUT", "POST"):
        connection.request(operation.method, path, parameters, FORM)
    else:
        connection.request(operation.method, f"{path}?{parameters}")
    return connection.getresponse()
