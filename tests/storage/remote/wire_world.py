"""A store behind a proxy that fails, and one beside it that sees what is really there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from storage.interface import Store
from storage.registry import StoreOptions, store_entry
from storage.remote.url import CLIENTS
from tests.storage.recorder import Recorder
from tests.storage.remote.fault_proxy import FaultProxy


@dataclass(frozen=True)
class World:
    """A store behind a proxy, and one that asks the same etcd directly."""

    proxy: FaultProxy
    store: Store
    direct: Store
    prefix: bytes
    recorder: Recorder
    """Watches all of the prefix through the proxy, after ``start``."""
    start: int

    def key(self, name: bytes) -> bytes:
        return self.prefix + name

    async def end(self) -> list[bytes | None]:
        """Return the values that the watch has told, once it has told all that there was."""
        await self.recorder.reach(await self.direct.latest_revision())
        whole = Recorder(self.start)
        self.direct.watch(self.prefix, whole, after=self.start)
        await whole.reach(self.recorder.revision)
        assert [c[:4] for c in self.recorder.changes] == [c[:4] for c in whole.changes]
        return [change.value for change in self.recorder.changes]


@asynccontextmanager
async def world(
    upstream: str, *, second: bool = False, client: str = CLIENTS[0]
) -> AsyncIterator[World]:
    """``second``: the store may turn to the etcd itself, too."""
    options = f"prefix=/{uuid4().hex}&client={client}"
    async with FaultProxy(upstream) as proxy, world_behind(proxy, upstream, options, second) as it:
        yield it


@asynccontextmanager
async def world_behind(
    proxy: FaultProxy, upstream: str, options: str, second: bool = False
) -> AsyncIterator[World]:
    """A world behind this proxy of an etcd; ``options`` are those of its stores' addresses."""
    targets = f"{proxy.target},{upstream}" if second else proxy.target
    direct_url, url = (f"{proxy.kind}://{each}?{options}" for each in (upstream, targets))
    stores = [store_entry(each).make(StoreOptions()) for each in (direct_url, url)]
    async with stores[0] as direct, stores[1] as store:
        prefix = b"/registry/things/"
        start = store.current_revision()
        recorder = Recorder(start)
        store.watch(prefix, recorder, after=start)
        warm = await store.create(prefix + b"warm", b"warm")
        await recorder.reach(warm)
        yield World(proxy, store, direct, prefix, recorder, start)
