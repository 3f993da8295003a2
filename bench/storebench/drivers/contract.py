"""Through the store contract: an engine in this process, or a remote store by its URL."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Self

from bench.storebench.drivers.interface import DriverError, Heard, Spot, idle_range
from storage.errors import StoreError
from storage.interface import Store
from storage.records import Batch
from storage.registry import STORES, StoreOptions

PAGE = 500


class ContractDriver:
    """Writes by ``create`` and ``update``, reads by ``get``: what the API server does.

    The contract knows no write that is not judged, so there is no ``put``.
    """

    def __init__(self, spot: Spot) -> None:
        self._spot = spot
        self._open = AsyncExitStack()
        self._store: Store

    async def __aenter__(self) -> Self:
        options = StoreOptions(data_dir=self._spot.data_dir)
        try:
            made = STORES[self._spot.store].make(options)
            self._store = await self._open.enter_async_context(made)
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
        self._store.watch(prefix, Telling(heard), after=self._store.current_revision())

    async def idle(self, prefix: bytes, count: int, streams: int) -> None:
        after = self._store.current_revision()
        for number in range(count):
            self._store.watch(idle_range(prefix, number), Telling(_ignored), after=after)

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
