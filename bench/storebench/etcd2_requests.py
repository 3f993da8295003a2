"""The requests of etcd's v2 protocol that load it, and what is read of their answers."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote_from_bytes

from bench.storebench.http_wire import Answer

KEYS: Final = b"/v2/keys"
FORM: Final = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
NOT_FOUND: Final = 404
REFUSED: Final = 400
"""From here on."""
MODIFIED: Final = re.compile(rb'"modifiedIndex":(\d+)')
"""Of the node: it stands before that of the state before it, and no value holds bare quotes."""
INDEX: Final = re.compile(rb"\r\nx-etcd-index: *(\d+)")
KEY_NOT_FOUND: Final = re.compile(rb'"errorCode": *100\b')
TOLD: Final = re.compile(rb'"errorCode": *(\d+), *"message": *"([^"]*)"')


class Requests:
    """Requests to one server."""

    def __init__(self, authority: str) -> None:
        self._get = b" HTTP/1.1\r\nHost: %s\r\n\r\n" % authority.encode("ascii")
        self._put = b" HTTP/1.1\r\nHost: %s\r\n%s" % (authority.encode("ascii"), FORM)

    def put(self, key: bytes, value: bytes) -> bytes:
        """Return a plain set."""
        return self._write(key, b"", value)

    def swap(self, key: bytes, value: bytes, expected: int) -> bytes:
        """Return a write as Kubernetes does it: of a key at an index (0: that is not there)."""
        judged = b"?prevIndex=%d" % expected if expected else b"?prevExist=false"
        return self._write(key, judged, value)

    def _write(self, key: bytes, judged: bytes, value: bytes) -> bytes:
        # Most values need no quoting, and looking is cheaper than quoting.
        text = value if value.isalnum() else quote_from_bytes(value, safe="").encode("ascii")
        head = b"PUT %s%s%s%s%d\r\n\r\nvalue=" % (KEYS, key, judged, self._put, len(text) + 6)
        return head + text

    def get(self, key: bytes, *, quorum: bool = False) -> bytes:
        """Return a read of one key: of what this member has applied, or ordered by the log."""
        return b"GET %s%s%s%s" % (KEYS, key, b"?quorum=true" if quorum else b"", self._get)

    def watch(self, prefix: bytes, *, stream: bool = True, since: int = 0) -> bytes:
        """Return a watch over everything under a prefix, from now on or from an index on."""
        asked = b"?wait=true&recursive=true"
        asked += b"&stream=true" if stream else b""
        asked += b"&waitIndex=%d" % since if since else b""
        return b"GET %s%s%s%s" % (KEYS, prefix, asked, self._get)

    def delete(self, prefix: bytes) -> bytes:
        """Return a delete of everything under a prefix."""
        return b"DELETE %s%s?recursive=true%s" % (KEYS, prefix.rstrip(b"/"), self._get)


def modified_index(answer: Answer) -> int:
    """Return the index at which the key was last written; 0 where there is no such key.

    Raises ValueError with the refusal, in a line, where it is another one.
    """
    if answer.code >= REFUSED:
        if answer.code == NOT_FOUND and KEY_NOT_FOUND.search(answer.body):
            return 0
        raise ValueError(refusal(answer))
    found = MODIFIED.search(answer.body)
    if found is None:
        raise ValueError(f"code {answer.code}, and no modifiedIndex in the answer")
    return int(found[1])


def store_index(head: bytes) -> int:
    """Return the store's index, as every answer tells it. Raises ValueError."""
    found = INDEX.search(head)
    if found is None:
        raise ValueError("no X-Etcd-Index in the answer")
    return int(found[1])


def refusal(answer: Answer) -> str:
    """Return what was refused, in a line; keys and indexes are left out, for lines are counted."""
    told = TOLD.search(answer.body)
    if told is None:
        return f"HTTP code {answer.code}"
    return f"{int(told[1])}: {told[2].decode('utf-8', 'replace')}"
