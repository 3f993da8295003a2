"""What the tests of reflector and informer share: a recording sink, and an informer on the fake."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import EVERYTHING, CachedObject, Informer, Selection
from cluster.client.reflector import ReflectorOptions
from serialization.api.core.v1_pb2 import Pod, PodSpec
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import PODS
from storage.clock import SystemClock

FAST = ReflectorOptions(backoff_base_s=0.0005, backoff_max_s=0.002)


def pod(name: str, node: str = "", namespace: str = "default", **labels: str) -> Pod:
    meta = ObjectMeta(namespace=namespace, name=name, labels=labels)
    return Pod(metadata=meta, spec=PodSpec(nodeName=node))


class Recording:
    """A sink that keeps what it is told, and lets a test wait for a state of things."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.uids: list[tuple[str, str]] = []
        self._changed = asyncio.Event()

    def added(self, new: CachedObject[Pod]) -> None:
        self._note("added", new)

    def updated(self, old: CachedObject[Pod], new: CachedObject[Pod]) -> None:
        self.uids.append((old.uid, new.uid))
        self._note("updated", new)

    def deleted(self, last: CachedObject[Pod]) -> None:
        self._note("deleted", last)

    def _note(self, what: str, obj: CachedObject[Pod]) -> None:
        self.told.append((what, obj.key.name))
        self._changed.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def informed(
    api: FakeApi, selection: Selection = EVERYTHING
) -> AsyncIterator[tuple[InformerFactory, Informer[Pod], Recording]]:
    async with (
        asyncio.timeout(90),
        InformerFactory(api, SystemClock(), random.Random(1), options=FAST) as factory,
    ):
        informer = factory.informer(PODS, Pod, selection)
        sink = Recording()
        informer.subscribe(sink)
        await informer.wait_synced()
        yield factory, informer, sink


async def until(reached: Callable[[], bool]) -> None:
    """Give the loop turns until something holds; the bound is the scenario's timeout."""
    while not reached():  # noqa: ASYNC110 (there is no event to wait for, and the fake is quick)
        await asyncio.sleep(0)


async def watching(api: FakeApi, count: int = 1) -> None:
    """Return when so many watches are open."""
    await until(lambda: api.open_watches >= count)
