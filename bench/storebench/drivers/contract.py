"""Through the store contract: an engine in this process."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Self

from bench.storebench.drivers.interface import DriverError, Heard, idle_range
from storage.errors import StoreError
from storage.interface import Store
from storage.mvcc import Mvcc, PutOp, Txn
from storage.records import Batch

PAGE = 500


class ContractDriver:
    """Writes by ``create`` and ``update``, reads by ``get``: what the API server does.

    The contract knows no write that is not judged, so there is no ``put``.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open = AsyncExitStack()
        self._told: list[Telling] = []

    async def __aenter__(self) -> Self:
        try:
            await self._open.enter_async_context(self._store)
        except StoreError as error:
            raise DriverError(str(error)) from error
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._open.aclose()

    async def put(self, key: bytes, value: bytes) -> int:
        raise DriverError("the store contract has no put")

    async def swap(self, key: bytes, value: bytes, expected: int) -> int:
        try:
            if expected:
                return await self._store.update(key, value, expected=expected)
            return await self._store.create(key, value)
        except StoreError as error:
            raise DriverError(str(error)) from error

    async def get(self, key: bytes) -> int:
        try:
            found = await self._store.get(key)
        except StoreError as error:
            raise DriverError(str(error)) from error
        return found.revision if found is not None else 0

    async def watch(self, prefix: bytes, heard: Heard) -> None:
        self._watch(prefix, heard)

    async def idle(self, prefix: bytes, count: int, streams: int) -> None:
        for number in range(count):
            self._watch(idle_range(prefix, number), _ignored)

    def _watch(self, prefix: bytes, heard: Heard) -> None:
        telling = Telling(heard)
        self._told.append(telling)
        self._store.watch(prefix, telling, after=self._store.current_revision())

    def ended(self) -> list[str]:
        return [each.ended for each in self._told if each.ended]

    async def revision(self) -> int:
        return self._store.current_revision()

    async def clear(self, prefix: bytes) -> None:
        try:
            while items := (await self._store.list(prefix, limit=PAGE)).items:
                for each in [self._store.delete(item.key) for item in items]:
                    await each
        except StoreError as error:
            raise DriverError(str(error)) from error

    async def counters(self) -> dict[str, float]:
        if not self._store.capabilities.durable:
            return {}
        status = await self._store.status()
        return {"syncs": float(status.commits), "writes": float(status.writes)}


class Telling:
    """A watcher that passes values on."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self.ended = ""

    def deliver(self, batch: Batch) -> None:
        for change in batch.changes:
            if change.value is not None:
                self._heard(change.value)

    def closed(self, error: StoreError) -> None:
        self.ended = str(error)


def _ignored(_value: bytes) -> None:
    """Nothing is heard by an idle watch."""


class EngineDriver(ContractDriver):
    """An engine in this process: puts, too, for it speaks etcd's data model beside the contract."""

    def __init__(self, engine: Mvcc) -> None:
        super().__init__(engine)
        self._engine = engine

    async def put(self, key: bytes, value: bytes) -> int:
        try:
            return (await self._engine.txn(Txn((), (PutOp(key, value),)))).revision
        except StoreError as error:
            raise DriverError(str(error)) from error
