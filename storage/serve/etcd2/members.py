"""``/v2/members``: one member, which is all that there will be; no other is let in."""

from __future__ import annotations

import asyncio
import json
import re
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import orjson

from storage.errors import StoreError
from storage.etcd2.errors import Etcd2Error
from storage.etcd2.model import MEMBERS, Event, Method, Request
from storage.serve.etcd2.auth import Auth
from storage.serve.etcd2.connection import Connection
from storage.serve.etcd2.forms import text_of
from storage.serve.etcd2.go_json import JsonError, kind, read_record
from storage.serve.etcd2.heads import JSON, TEXT, Heads
from storage.serve.etcd2.messages import Heard
from storage.serve.etcd2.pages import Page
from storage.serve.etcd2.serving import Serving

PREFIX: Final = "/v2/members"
METHODS: Final = ("GET", "POST", "DELETE", "PUT")
SCHEMES: Final = ("http", "https", "unix", "unixs")
"""Of peers' URLs."""
_HEX: Final = re.compile("[0-9a-fA-F]{1,16}", re.ASCII)


class RefusedError(Exception):
    """A request that asks for nothing that can be done: its status and what is said."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class MemberList:
    """The members of the cluster, as HTTP shows them."""

    def __init__(self, serving: Serving, heads: Heads, auth: Auth) -> None:
        self._serving = serving
        self._heads = heads
        self._auth = auth
        self._id = f"{serving.member_id:x}"
        self._attributes = f"{MEMBERS}/members/{self._id}/raftAttributes"

    def pages(self) -> dict[str, Page]:
        """Return them by path."""
        page = Page(METHODS, self.serve)
        return {PREFIX: page, PREFIX + "/": page}

    def serve(self, heard: Heard, path: str, connection: Connection) -> None:
        """Answer a request."""
        asked = path.removeprefix(PREFIX).removeprefix("/")
        try:
            if heard.method == "GET":
                connection.answer(self._read(asked))
            elif not self._auth.lets_change(heard):
                connection.answer(self._auth.no_access())
            elif heard.method == "PUT":
                self._update(heard, asked, connection)
            else:
                self._refuse(heard, asked)
        except RefusedError as refused:
            connection.answer(self._refused(refused.status, str(refused)))

    def _read(self, asked: str) -> bytes:
        if asked == "":
            return self._json({"members": [self._member()]})
        if asked == "leader":
            return self._json(self._member())
        raise RefusedError(404, "Not found")

    def _refuse(self, heard: Heard, asked: str) -> None:
        """Say what a cluster says that can neither grow nor shrink. Raises RefusedError."""
        if heard.method == "POST":
            urls = _peer_urls(heard)
            if not set(urls).isdisjoint(self._peers()):
                raise RefusedError(409, "membership: peerURL exists")
            raise RefusedError(500, "Internal Server Error")
        self._check_own(asked)
        raise RefusedError(500, "Internal Server Error")

    def _update(self, heard: Heard, asked: str, connection: Connection) -> None:
        if not asked:
            raise RefusedError(405, "")
        _number(asked)
        urls = _peer_urls(heard)
        self._check_own(asked)
        value = json.dumps({"peerURLs": sorted(urls)}, separators=(",", ":"))
        done = asyncio.ensure_future(
            self._serving.store.do(Request(Method.PUT, self._attributes, value))
        )
        done.add_done_callback(partial(self._updated, connection))

    def _updated(self, connection: Connection, done: asyncio.Future[Event]) -> None:
        if done.exception() is None:
            payload = self._heads.plain(204, b"", "", self._heads.cluster)
            connection.answer(payload.replace(b"Content-Length: 0\r\n", b"", 1))
        else:
            connection.answer(self._refused(500, "Internal Server Error"))

    def _check_own(self, asked: str) -> None:
        if not asked:
            raise RefusedError(405, "")
        if _number(asked) != self._serving.member_id:
            raise RefusedError(404, f"No such member: {_number(asked):x}")

    def _member(self) -> dict[str, object]:
        return {
            "id": self._id,
            "name": self._serving.name,
            "peerURLs": self._peers(),
            "clientURLs": list(self._serving.client_urls),
        }

    def _peers(self) -> list[str]:
        """Return what its attributes say, as they stand in the store; there are no peers."""
        try:
            value = self._serving.store.get(self._attributes).node.value
        except (Etcd2Error, StoreError):
            return []
        told: object = orjson.loads(value or "{}")
        urls = told.get("peerURLs") if isinstance(told, dict) else None
        return [str(url) for url in urls] if isinstance(urls, list) else []

    def _json(self, told: object) -> bytes:
        return self._heads.plain(200, orjson.dumps(told) + b"\n", JSON, self._heads.cluster)

    def _refused(self, status: int, message: str) -> bytes:
        if status == 405:
            extra = b"X-Content-Type-Options: nosniff\r\n" + self._heads.cluster
            return self._heads.plain(405, b"Method Not Allowed\n", TEXT, extra)
        return self._heads.plain(
            status, orjson.dumps({"message": message}), JSON, self._heads.cluster
        )


def _number(asked: str) -> int:
    if _HEX.fullmatch(asked) is None:
        raise RefusedError(404, f"No such member: {asked}")
    return int(asked, 16)


def _peer_urls(heard: Heard) -> list[str]:
    """Return the URLs in a body. Raises RefusedError."""
    media = heard.header(b"content-type")
    if b";" in media:
        media = media.partition(b";")[0].strip().lower()
    if media != b"application/json":
        text = f"Bad Content-Type {text_of(media)}, accept application/json"
        raise RefusedError(415, text)
    try:
        told = read_record(heard.body, ("peerURLs",))
    except JsonError as error:
        raise RefusedError(400, str(error)) from error
    urls = told.get("peerURLs", [])
    field = "into Go struct field .peerURLs of type"
    if not isinstance(urls, list):
        raise RefusedError(400, f"json: cannot unmarshal {kind(urls)} {field} []string")
    for url in urls:
        if not isinstance(url, str):
            raise RefusedError(400, f"json: cannot unmarshal {kind(url)} {field} string")
    if not urls:
        raise RefusedError(400, "no valid URLs given")
    checked = [url.strip() for url in urls]
    for url in checked:
        _check_url(url)
    return checked


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise RefusedError(400, f"URL scheme must be http, https, unix, or unixs: {url}")
    if parts.scheme.startswith("http"):
        port = parts.netloc.rpartition(":")[2]
        if ":" in parts.netloc and not port.isdecimal() and port:
            raise RefusedError(400, f'parse "{url}": invalid port ":{port}" after host')
        if ":" not in parts.netloc:
            raise RefusedError(400, f'URL address does not have the form "host:port": {url}')
        if parts.path:
            raise RefusedError(400, f"URL must not contain a path: {url}")
