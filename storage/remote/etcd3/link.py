"""The link to etcd: which endpoint is asked, for how long, and when to turn to another.

One endpoint serves all calls until it fails or stalls (``rotation``); then the next one does. A
*read* is asked again, elsewhere, until its deadline. A *write* is asked again only where it is
certain that it has not happened (``CallError.refused``); everything else is its caller's to find
out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from google.protobuf.message import Message

from serialization.api.etcd import rpc_pb2 as rpc
from storage.remote.etcd3.by_http2 import Http2Connection
from storage.remote.etcd3.failures import NO_PERMISSION, NO_USERS, CallError
from storage.remote.etcd3.rpc import (
    AUTHENTICATE,
    CLIENT_VERSION,
    HAS_LEADER,
    Connection,
    Metadata,
    Method,
    Stream,
    TlsFiles,
)
from storage.remote.rotation import Rotation
from storage.remote.url import RemoteUrl, StoreUrlError

_log = logging.getLogger(__name__)

Ask = TypeVar("Ask", bound=Message)
Answer = TypeVar("Answer", bound=Message)

CALL_S: Final = 10.0
"""How long a call may take in all. etcd itself gives a proposal up after 7 s."""

TRY_S: Final = 3.0
"""How long one attempt of a read may take, before another endpoint is asked."""

PAUSE_S: Final = 0.02
PAUSE_MAX_S: Final = 0.5


class Link:
    """All connections of a store. Belongs to one loop, between ``open`` and ``close``."""

    def __init__(self, url: RemoteUrl) -> None:
        self._url = url
        self._rotation = Rotation[Connection]([])
        self._plain: Metadata = ()
        self._metadata: Metadata = self._plain
        self._password = ""
        self._signing_in: asyncio.Future[None] | None = None
        self._on_turn: list[Callable[[], None]] = []
        self.calls = 0
        """How many were made that have one answer."""

    def open(self) -> None:
        """Make the channels; they connect when they are used. Raises StoreUrlError."""
        self._password = self._url.secret()
        tls = _tls_files(self._url)
        try:
            connections = [_connection(self._url, target, tls) for target in self._url.targets]
        except OSError as error:
            raise StoreUrlError(f"cannot use a file of the store's address: {error}") from error
        self._rotation = Rotation(connections)
        for tell in self._on_turn:
            self._rotation.on_turn(tell)

    async def close(self) -> None:
        """Close the channels."""
        self._rotation.close()
        for endpoint in self._rotation.endpoints:
            await endpoint.connection.close()

    @property
    def endpoint(self) -> str:
        """The endpoint that is asked now."""
        return self._rotation.connection.target

    async def sign_in(self) -> None:
        """Get a token, if there is a user. Raises CallError. One at a time; others wait for it.

        Where etcd has no users there is none, and none is needed.
        """
        if not self._url.user:
            return
        running = self._signing_in
        if running is None or running.done():
            running = self._signing_in = asyncio.ensure_future(self._authenticate())
        await asyncio.shield(running)

    async def read(
        self, method: Method[Ask, Answer], request: Ask, timeout_s: float = 0.0
    ) -> Answer:
        """Ask until there is an answer or the time (0: ``CALL_S``) is over. Raises CallError."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (timeout_s or CALL_S)
        pause_s = PAUSE_S
        while True:
            login = self._metadata
            try:
                return await self.once(method, request, min(TRY_S, deadline - loop.time()))
            except CallError as error:
                if not error.passing or loop.time() + pause_s >= deadline:
                    raise
                await self._prepare_again(error, login)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def write(
        self, method: Method[Ask, Answer], request: Ask, timeout_s: float = 0.0
    ) -> Answer:
        """Ask, again only where nothing can have happened; as ``read``. Raises CallError."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (timeout_s or CALL_S)
        pause_s = PAUSE_S
        while True:
            login = self._metadata
            try:
                return await self.once(method, request, deadline - loop.time())
            except CallError as error:
                if not error.refused or loop.time() + pause_s >= deadline:
                    raise
                await self._prepare_again(error, login)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def once(self, method: Method[Ask, Answer], request: Ask, timeout_s: float) -> Answer:
        """Ask the present endpoint, once. Raises CallError."""
        rotation = self._rotation
        index = rotation.current
        endpoint = rotation.begin()
        self.calls += 1
        try:
            # etcd judges a token that is shown, even by who asks for another one.
            metadata = self._plain if method is AUTHENTICATE else self._metadata
            answer = await endpoint.connection.call(method, request, timeout_s, metadata)
        except CallError as error:
            if error.answered:
                endpoint.answered_at = asyncio.get_running_loop().time()
            else:
                self.turn(index)
            raise
        finally:
            endpoint.waiting -= 1
        endpoint.answered_at = asyncio.get_running_loop().time()
        return answer

    def watch(self) -> tuple[Stream, int]:
        """Open a watch stream at the present endpoint; return it, and the endpoint's number."""
        metadata = (*self._metadata, CLIENT_VERSION, HAS_LEADER)
        return self._rotation.connection.watch(metadata), self._rotation.current

    async def keep_alive(self, lease_id: int) -> int:
        """Renew a lease, once; return its TTL, 0 if it is gone. Raises CallError."""
        index = self._rotation.current
        connection = self._rotation.connection
        login = self._metadata
        try:
            return await connection.keep_alive(lease_id, TRY_S, login)
        except CallError as error:
            await self._prepare_again(error, login)
            if not error.answered:
                self.turn(index)
            raise

    def turn(self, index: int) -> None:
        """Ask the endpoint after ``index`` from now on, unless that has happened already."""
        self._rotation.turn(index)

    def on_turn(self, tell: Callable[[], None]) -> None:
        """Tell from now on, within ``turn``, that another endpoint is asked."""
        self._on_turn.append(tell)
        self._rotation.on_turn(tell)

    async def recover(self, error: CallError) -> None:
        """A watch has ended so: sign in anew where that may be why. Never raises."""
        if error.token_is_old or NO_PERMISSION in error.details:
            try:
                await self.sign_in()
            except CallError as refusal:
                _log.warning("cannot sign in at %s again: %s", self.endpoint, refusal)

    async def _prepare_again(self, error: CallError, login: Metadata) -> None:
        """Sign in anew if the token is why a call with this ``login`` failed. Raises CallError.

        Many calls fail with the same old token; one of them signs in.
        """
        if not error.token_is_old or self._metadata is not login:
            return
        if not self._url.user:
            raise error
        if self._signing_in is asyncio.current_task():
            return  # this is the call that signs in
        try:
            await self.sign_in()
        except CallError as refusal:
            if refusal.passing:
                raise error from refusal
            raise CallError(refusal.code, f"cannot sign in again: {refusal.details}") from refusal

    async def _authenticate(self) -> None:
        request = rpc.AuthenticateRequest(name=self._url.user, password=self._password)
        try:
            answer = await self.read(AUTHENTICATE, request)
        except CallError as error:
            if NO_USERS not in error.details:
                raise
            self._metadata = self._plain
        else:
            self._metadata = (*self._plain, ("token", answer.token))


def _connection(url: RemoteUrl, target: str, tls: TlsFiles | None) -> Connection:
    if url.client == "grpc":
        from storage.remote.etcd3.by_grpc import GrpcConnection  # noqa: PLC0415  slow

        return GrpcConnection(target, tls)
    return Http2Connection(target, tls)


def _tls_files(url: RemoteUrl) -> TlsFiles | None:
    if not url.tls:
        return None
    return TlsFiles(_content(url.cacert), _content(url.cert), _content(url.key))


def _content(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreUrlError(f"cannot read a file of the store's address: {error}") from error
