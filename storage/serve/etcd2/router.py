"""Which request goes where: paths are cleaned as Go's router does."""

from __future__ import annotations

import asyncio
import posixpath
from html import escape
from typing import Final
from urllib.parse import quote

from storage.serve.etcd2.auth import Auth
from storage.serve.etcd2.connection import Connection
from storage.serve.etcd2.forms import FormError, is_form, text_of, unescaped
from storage.serve.etcd2.heads import JSON, NOSNIFF, TEXT, Heads, failure, status_line
from storage.serve.etcd2.keys import ALLOWED, PREFIX, Keys
from storage.serve.etcd2.messages import Heard
from storage.serve.etcd2.pages import Pages
from storage.serve.etcd2.parser import Head
from storage.serve.etcd2.targets import path_of

KEPT_IN_PATHS: Final = "/!$&'()*+,:;=@[]~"
"""Go leaves these unescaped, beside letters, digits, and the three that nobody escapes."""


class Router:
    """The application of a connection."""

    def __init__(self, keys: Keys, pages: Pages, heads: Heads, auth: Auth) -> None:
        self._keys = keys
        self._pages = pages
        self._auth = auth
        self._heads = heads
        self.connections: dict[Connection, None] = {}
        self.connections_max = 1 << 20
        """Who comes when there are so many is let go at once."""
        self.requests: dict[str, int] = {}
        """How many were served, by method."""
        self.empty = asyncio.Event()
        """Set while nobody is connected."""
        self.empty.set()
        self._leaving = False

    def joined(self, connection: Connection) -> None:
        """As ``Application``."""
        self.connections[connection] = None
        self.empty.clear()
        if self._leaving or len(self.connections) > self.connections_max:
            connection.abort()

    def left(self, connection: Connection) -> None:
        """As ``Application``."""
        self.connections.pop(connection, None)
        if not self.connections:
            self.empty.set()

    def leave(self) -> None:
        """End every connection as soon as nothing is being answered on it."""
        self._leaving = True
        for connection in list(self.connections):
            connection.leave()

    def serve(self, heard: Heard, connection: Connection) -> None:
        """As ``Application``."""
        if self._auth.enabled and not self._auth.judged(heard):
            self._auth.judge(heard, connection, self.serve)
            return
        method = heard.method
        self.requests[method] = self.requests.get(method, 0) + 1
        raw, _, query = heard.target.partition(b"?")
        if raw[:1] != b"/":
            if heard.target == b"*":
                self._without_path(heard, connection)
                return
            raw = path_of(raw, connects=method == "CONNECT") or b""
        try:
            path = text_of(unescaped(raw)) if b"%" in raw else raw.decode("ascii")
        except FormError:
            connection.fail(failure(400))
            return
        if method == "OPTIONS":
            connection.answer(self._heads.plain(200))
        elif (
            ("//" in path or "/." in path or not path)
            and method != "CONNECT"
            and path != cleaned(path)
        ):
            connection.answer(self._moved(method, path, query))
        elif path.startswith(PREFIX) and (path[8:9] == "/" or len(path) == 8):
            if method in ALLOWED:
                self._keys.serve(heard, path[8:], query, connection)
            else:
                connection.answer(self._heads.not_allowed(ALLOWED))
        else:
            self._page(heard, path, connection)

    def reads_body(self, head: Head) -> bool:
        """As ``Application``."""
        line, fields = head
        kind = fields.named.get(b"content-type", b"")
        if line.method not in ("PUT", "POST"):
            return False
        if line.target.startswith(b"/v2/members"):
            return kind.partition(b";")[0].strip().lower() == JSON.encode()
        if not line.target.startswith(b"/v2/keys"):
            return line.target.startswith((b"/v2/auth", b"/config"))
        try:
            return is_form(kind)
        except FormError:
            return False

    def not_met(self) -> bytes:
        """As ``Application``."""
        return self._heads.not_met()

    def not_found(self) -> bytes:
        """Return the answer to a path that nobody serves."""
        return self._heads.plain(404, b"404 page not found\n", TEXT, NOSNIFF)

    def _page(self, heard: Heard, path: str, connection: Connection) -> None:
        found = self._pages.find(path)
        if found is None:
            connection.answer(self.not_found())
        elif found.methods and heard.method not in found.methods:
            connection.answer(self._heads.not_allowed(found.methods))
        else:
            found.serve(heard, path, connection)

    def _moved(self, method: str, path: str, query: bytes) -> bytes:
        place = quote(cleaned(path), safe=KEPT_IN_PATHS)
        if query:
            place += "?" + query.decode("latin-1")
        location = b"Location: %b\r\n" % place.encode("latin-1")
        if method not in ("GET", "HEAD"):
            return self._heads.plain(301, b"", "", location)
        html = "text/html; charset=utf-8"
        if method == "HEAD":  # Go writes nothing here, and so knows no length
            payload = self._heads.plain(301, b"", html, location)
            return payload.replace(b"Content-Length: 0\r\n", b"", 1)
        body = f'<a href="{escape(place)}">Moved Permanently</a>.\n\n'.encode("latin-1")
        return self._heads.plain(301, body, html, location)

    def _without_path(self, heard: Heard, connection: Connection) -> None:
        if heard.method == "OPTIONS":
            nothing = b"Content-Length: 0\r\n\r\n"
            connection.answer(status_line(200) + self._heads.date() + nothing)
        else:
            connection.fail(self._heads.plain(400, extra=b"Connection: close\r\n"))


def cleaned(path: str) -> str:
    """Return a path without empty parts, ``.`` and ``..``; a slash at its end stays.

    >>> cleaned("/v2//keys/./a/../b/")
    '/v2/keys/b/'
    """
    clean = posixpath.normpath(path or "/")
    if clean.startswith("//"):  # which POSIX leaves alone
        clean = clean[1:]
    return clean + "/" if path.endswith("/") and clean != "/" else clean
