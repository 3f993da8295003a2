"""One request of plain HTTP to a served engine, and its answer."""

from __future__ import annotations

from http.client import HTTPConnection

from tests.faults.processes import PATIENCE_S


def ask(target: str, method: str, path: str) -> tuple[int, bytes]:
    """Return status and body."""
    connection = HTTPConnection(target, timeout=PATIENCE_S)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
