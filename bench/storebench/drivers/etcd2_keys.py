"""Through the contract of an engine of etcd 2: an engine in this process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self

from bench.storebench.drivers.interface import DriverError, Heard, Spot, idle_range
from storage.clock import SystemClock
from storage.errors import StoreError
from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.interface import KeysApi
from storage.etcd2.model import KEYS, Event, Method, Request
from storage.etcd2.opening import etcd2_engine


def path_of(key: bytes) -> str:
    """Return the path of a key, or of a prefix."""
    return KEYS + key.decode("ascii").rstrip("/")


class KeysDriver:
    """``put`` is a plain set; ``swap`` judges by ``prevExist`` and ``prevIndex``."""

    def __init__(self, make: Callable[[], KeysApi], *, quorum: bool = False) -> None:
        self._make = make
        self._quorum = quorum
        self._open = AsyncExitStack()
        self._cleared: list[str] = []

    async def __aenter__(self) -> Self:
        try:
            self._engine = await self._open.enter_async_context(self._make())
        except StoreError as error:
            raise DriverError(str(error)) from error
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._open.aclose()

    async def put(self, key: bytes, value: bytes) -> int:
        return await self._do(Request(Method.PUT, KEYS + key.decode(), value.decode()))

    async def swap(self, key: bytes, value: bytes, expected: int) -> int:
        path, text = KEYS + key.decode(), value.decode()
        if expected:
            return await self._do(Request(Method.PUT, path, text, prev_index=expected))
        return await self._do(Request(Method.PUT, path, text, prev_exist=False))

    async def _do(self, request: Request) -> int:
        try:
            return (await self._engine.do(request)).node.modified
        except (Etcd2Error, StoreError) as error:
            raise DriverError(str(error)) from error

    async def get(self, key: bytes) -> int:
        path = KEYS + key.decode()
        try:
            if self._quorum:
                return (await self._engine.do(Request(Method.QGET, path))).node.modified
            return self._engine.get(path).node.modified
        except Etcd2Error as error:
            if error.code == Code.KEY_NOT_FOUND:
                return 0
            raise DriverError(str(error)) from error
        except StoreError as error:
            raise DriverError(str(error)) from error

    async def watch(self, prefix: bytes, heard: Heard) -> None:
        self._watch(prefix, heard)

    async def idle(self, prefix: bytes, count: int, streams: int) -> None:
        for number in range(count):
            self._watch(idle_range(prefix, number), _ignored)

    def _watch(self, prefix: bytes, heard: Heard) -> None:
        try:
            telling = Telling(heard, self._cleared)
            self._engine.watch(path_of(prefix), telling, recursive=True, stream=True)
        except (Etcd2Error, StoreError) as error:
            raise DriverError(str(error)) from error

    def ended(self) -> list[str]:
        return self._cleared

    async def revision(self) -> int:
        return self._engine.index

    async def clear(self, prefix: bytes) -> None:
        request = Request(Method.DELETE, path_of(prefix), dir=True, recursive=True)
        try:
            await self._engine.do(request)
        except Etcd2Error as error:
            if error.code != Code.KEY_NOT_FOUND:
                raise DriverError(str(error)) from error
        except StoreError as error:
            raise DriverError(str(error)) from error

    async def counters(self) -> dict[str, float]:
        status = self._engine.status()
        return {"syncs": float(status.commits), "writes": float(status.writes)}


class Telling:
    """A listener that passes values on."""

    def __init__(self, heard: Heard, cleared: list[str]) -> None:
        self._heard = heard
        self._cleared = cleared

    def tell(self, event: Event) -> None:
        if event.node.value is not None:
            self._heard(event.node.value.encode())

    def cleared(self) -> None:
        self._cleared.append("the engine ended the watch")


def _ignored(_value: bytes) -> None:
    """Nothing is heard by an idle watch."""


def keys_engine(spot: Spot) -> KeysDriver:
    """Return the way to an engine of etcd 2 that is opened in this process."""
    return KeysDriver(lambda: etcd2_engine(spot.data_dir, clock=SystemClock()), quorum=spot.quorum)
