"""A store behind a proxy that fails, and one beside it that sees what is really there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

from storage.clock import SystemClock
from storage.remote.etcd3.store import RemoteStore
from storage.remote.etcd3.url import CLIENTS, parse_url
from tests.storage.recorder import Recorder
from tests.storage.remote.fault_proxy import FaultProxy


@dataclass(frozen=True)
class World:
    """A store behind a proxy, and one that asks the same etcd directly."""

    proxy: FaultProxy
    store: RemoteStore
    direct: RemoteStore
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
    async with FaultProxy(upstream) as proxy:
        space = f"?prefix=/{uuid4().hex}"
        url = parse_url(f"{proxy.url}{space}&client={client}")
        if second:
            url = replace(url, targets=(*url.targets, upstream))
        direct_url = parse_url(f"etcd3://{upstream}{space}")
        async with (
            RemoteStore(direct_url, SystemClock()) as direct,
            RemoteStore(url, SystemClock()) as store,
        ):
            prefix = b"/registry/things/"
            start = store.current_revision()
            recorder = Recorder(start)
            store.watch(prefix, recorder, after=start)
            warm = await store.create(prefix + b"warm", b"warm")
            await recorder.reach(warm)
            yield World(proxy, store, direct, prefix, recorder, start)
