"""What clients are told when the store fails, and what becomes of them when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import pytest

from storage.clock import SystemClock
from storage.errors import ReadOnlyError
from storage.etcd2.interface import Follower, Listener, Watching
from storage.etcd2.model import Event, Request
from storage.etcd2.opening import etcd2_engine
from storage.records import StoreStatus
from tests.storage.serve2.served import Served, served
from tests.storage.serve2.wire import Wire, request


class FailingStore:
    """A ``KeysApi`` whose writes can be made to fail, or to take their time."""

    def __init__(self) -> None:
        self._store = etcd2_engine(None, clock=SystemClock())
        self.alarm = ""
        self.held: list[tuple[Request, asyncio.Future[Event]]] = []
        self.holds = False

    async def __aenter__(self) -> Self:
        await self._store.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._store.__aexit__(*exc_info)

    @property
    def index(self) -> int:
        return self._store.index

    @property
    def oldest_index(self) -> int:
        return self._store.oldest_index

    def do(self, request: Request) -> asyncio.Future[Event]:
        if self.alarm:
            failed: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
            failed.set_exception(ReadOnlyError(self.alarm))
            return failed
        if self.holds:
            future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
            self.held.append((request, future))
            return future
        return self._store.do(request)

    def get(self, path: str, *, recursive: bool = False, sort: bool = False) -> Event:
        return self._store.get(path, recursive=recursive, sort=sort)

    def watch(
        self,
        path: str,
        listener: Listener,
        *,
        recursive: bool = False,
        stream: bool = False,
        since: int = 0,
    ) -> Watching:
        return self._store.watch(path, listener, recursive=recursive, stream=stream, since=since)

    def history(self, since: int) -> Sequence[Event]:
        return self._store.history(since)

    def follow(self, follower: Follower) -> Callable[[], None]:
        return self._store.follow(follower)

    def status(self) -> StoreStatus:
        return self._store.status()._replace(alarm=self.alarm)

    async def let_go(self) -> None:
        """Carry out what was held back."""
        self.holds = False
        for write, future in self.held:
            future.set_result(await self._store.do(write))


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


@pytest.fixture
def ours(store: FailingStore) -> Iterator[Served]:
    with served(store=store) as here:
        yield here


def test_a_store_that_is_read_only_is_an_internal_error_and_not_healthy(
    store: FailingStore, ours: Served
) -> None:
    wire = Wire(ours.endpoint)
    wire.ask(request("PUT", "/v2/keys/a", b"value=1"))
    assert wire.ask(request("GET", "/health")).body == b'{"health":"true"}'
    store.alarm = "No space left on device"

    put = wire.ask(request("PUT", "/v2/keys/a", b"value=2"))
    read = wire.ask(request("GET", "/v2/keys/a"))
    health = wire.ask(request("GET", "/health"))
    user = wire.ask(request("PUT", "/v2/auth/users/u", b'{"user":"u","password":"p"}'))

    assert put.code == 500
    told = json.loads(put.body)
    assert told["errorCode"] == 300
    assert told["message"] == "Raft Internal Error"
    assert "No space left on device" in told["cause"]
    assert b'"value":"1"' in read.body
    assert (health.code, health.body) == (503, b'{"health":"false"}')
    assert user.code == 500
    wire.close()


def test_a_write_whose_client_has_gone_is_done_nevertheless(
    store: FailingStore, ours: Served
) -> None:
    store.holds = True
    gone, other = Wire(ours.endpoint), Wire(ours.endpoint)
    gone.send(request("PUT", "/v2/keys/a", b"value=1"))
    while not store.held:
        other.ask(request("GET", "/version"))
    gone.close()

    ours.on_loop(store.let_go)

    assert b'"value":"1"' in other.ask(request("GET", "/v2/keys/a")).body
    other.close()


def test_what_comes_behind_a_slow_write_waits_for_it(store: FailingStore, ours: Served) -> None:
    store.holds = True
    wire, other = Wire(ours.endpoint), Wire(ours.endpoint)
    wire.send(request("PUT", "/v2/keys/a", b"value=1") + request("GET", "/v2/keys/a"))
    while not store.held:
        other.ask(request("GET", "/version"))

    ours.on_loop(store.let_go)

    assert wire.reply().code == 201
    assert b'"value":"1"' in wire.reply().body
    wire.close()
    other.close()
