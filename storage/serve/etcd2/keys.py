"""``/v2/keys``: each request is read, judged by the engine, and answered as etcd answers it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from storage.errors import StoreError
from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.model import KEYS, Event, Method
from storage.serve.etcd2.answers import STATUS, error_json, event_json
from storage.serve.etcd2.auth import NO_ACCESS, Auth
from storage.serve.etcd2.connection import Connection
from storage.serve.etcd2.forms import FormError, is_form, parse_form
from storage.serve.etcd2.heads import Heads
from storage.serve.etcd2.listings import Listing, Rendering, Turns
from storage.serve.etcd2.messages import Heard
from storage.serve.etcd2.requests import Asked, key_request
from storage.serve.etcd2.serving import Serving
from storage.serve.etcd2.watches import Rendered, Watch

PREFIX: Final = "/v2/keys"
ALLOWED: Final = ("HEAD", "GET", "PUT", "POST", "DELETE")
DEPTH_MAX: Final = 256
KEY_CHARACTERS_MAX: Final = 32 << 10
"""Of a key that is written. Etcd knows no bound: each part of a path becomes a directory that holds
its whole path, so one request of half a million parts takes more memory than there is."""
_WITH_BODY: Final = frozenset(("PUT", "POST"))


class Keys:
    """The resource of all keys."""

    def __init__(self, serving: Serving, heads: Heads, auth: Auth) -> None:
        self._serving = serving
        self._store = serving.store
        self._heads = heads
        self._auth = auth
        self._rendered = Rendered()
        self._turns = Turns()
        self.watchers = 0
        """How many watches are being answered."""
        self._raft_index = serving.raft_index

    def serve(self, heard: Heard, path: str, query: bytes, connection: Connection) -> None:
        """Answer a request, now or later; ``path`` is what follows the prefix."""
        try:
            asked = self._asked(heard, path, query)
            recursive = asked.request.recursive
            if not self._auth.lets_pass(heard, path, recursive=recursive):
                raise Etcd2Error(Code.UNAUTHORIZED, NO_ACCESS)  # noqa: TRY301  told below
            if asked.wait and not asked.quorum:
                self._watch(asked, connection)
            elif asked.request.method == Method.QGET and not (
                asked.quorum and heard.method == "GET"
            ):
                request = asked.request
                event = self._store.get(
                    request.path, recursive=request.recursive, sort=request.sorted
                )
                self._tell(event, asked, connection)
            else:
                done = asyncio.ensure_future(self._store.do(asked.request))
                done.add_done_callback(partial(self._done, asked, connection))
        except Etcd2Error as error:
            connection.answer(self.refused(error))
        except StoreError as error:
            connection.answer(self.refused(Etcd2Error(Code.RAFT_INTERNAL, str(error))))

    def refused(self, error: Etcd2Error) -> bytes:
        """Return the answer to a request that was refused."""
        return self._heads.refused(STATUS.get(error.code, 400), error.index, error_json(error))

    def _asked(self, heard: Heard, path: str, query: bytes) -> Asked:
        method = heard.method
        body = b""
        try:
            if method in _WITH_BODY and is_form(heard.header(b"content-type")):
                body = heard.body
                if heard.fault:
                    raise FormError(heard.fault)  # noqa: TRY301  # told as what it found
            form = parse_form(query, body) if query or body else {}
        except FormError as error:
            raise Etcd2Error(Code.INVALID_FORM, str(error)) from error
        if len(path) > DEPTH_MAX and method in _WITH_BODY:
            _check_path(path)
        now_ns = self._serving.now_ns() if "ttl" in form else 0
        return key_request(method, KEYS + path.rstrip("/"), form, now_ns)

    def _done(self, asked: Asked, connection: Connection, done: asyncio.Future[Event]) -> None:
        error = done.exception()
        if error is None:
            self._tell(done.result(), asked, connection)
            return
        if isinstance(error, Etcd2Error):
            payload = self.refused(error)
        else:
            payload = self.refused(Etcd2Error(Code.RAFT_INTERNAL, str(error)))
        connection.answer(payload)

    def _tell(self, event: Event, asked: Asked, connection: Connection) -> None:
        if event[1][7]:
            self._list(event, connection)
            return
        body = event_json(event, no_value=asked.no_value)
        status = 201 if event.created else 200
        payload = self._heads.keyed(status, event.etcd_index, self._raft_index(), body)
        connection.answer(payload)

    def _list(self, event: Event, connection: Connection) -> None:
        """Answer what is rendered in one turn at once, a longer listing in pieces."""
        rendering = Rendering(event)
        body = rendering.piece()
        index, raft_index = event.etcd_index, self._raft_index()
        if rendering.ended or connection.asks_head:  # of a head, only that it is a long one counts
            connection.answer(self._heads.keyed(200, index, raft_index, body))
        else:
            head = self._heads.in_pieces(index, raft_index)
            Listing(connection, rendering, self._turns).begin(head, body)

    def _watch(self, asked: Asked, connection: Connection) -> None:
        request = asked.request
        watch = Watch(connection, self._rendered, stream=asked.stream, on_end=self._unwatched)
        watching = self._store.watch(
            request.path,
            watch,
            recursive=request.recursive,
            stream=asked.stream,
            since=asked.since,
        )
        self.watchers += 1
        watch.begin(watching, self._heads.in_pieces(watching.index, self._raft_index()))

    def _unwatched(self) -> None:
        self.watchers -= 1


def _check_path(path: str) -> None:
    """Raise Etcd2Error for a path that would cost too much."""
    if path.count("/") > DEPTH_MAX:
        raise Etcd2Error(Code.INVALID_FIELD, f"a key of more than {DEPTH_MAX} parts")
    if len(path) > KEY_CHARACTERS_MAX:
        raise Etcd2Error(Code.INVALID_FIELD, f"a key of more than {KEY_CHARACTERS_MAX} characters")
