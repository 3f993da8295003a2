"""A watch cache over the memory store, with pods that a test can name in a word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.interface import Codec, TypeMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import NODES, PODS
from storage.errors import StoreError
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from storage.watchcache.cache import WatchCache
from storage.watchcache.config import CacheConfig
from storage.watchcache.events import WatchEvent
from storage.watchcache.resource import ResourceCache

POD = TypeMeta("v1", "Pod")


class Sink:
    """Writes down what a subscription is told."""

    def __init__(self) -> None:
        self.events: list[WatchEvent] = []
        self.end: list[StoreError | None] = []

    def notify(self, event: WatchEvent) -> None:
        assert not self.end, "told after its end"
        self.events.append(event)

    def ended(self, error: StoreError | None) -> None:
        self.end.append(error)

    @property
    def told(self) -> list[tuple[str, str, int]]:
        """Type, name and revision of each event."""
        return [
            (event.type.value, event.object.name, event.object.revision) for event in self.events
        ]


class World:
    """A store, its cache, and writes of pods."""

    def __init__(self, store: Store, cache: WatchCache, codec: Codec) -> None:
        self.store = store
        self.cache = cache
        self.codec = codec

    @property
    def pods(self) -> ResourceCache:
        return self.cache.of(PODS)

    def document(
        self,
        name: str,
        node: str = "",
        labels: Mapping[str, str] | None = None,
        phase: str = "",
        *,
        namespace: str = "default",
    ) -> bytes:
        pod = Pod()
        pod.metadata.name = name
        pod.metadata.namespace = namespace
        for key, value in (labels or {}).items():
            pod.metadata.labels[key] = value
        if node:
            pod.spec.nodeName = node
        if phase:
            pod.status.phase = phase
        return self.codec.encode(POD, pod)

    async def put(
        self,
        name: str,
        node: str = "",
        labels: Mapping[str, str] | None = None,
        *,
        namespace: str = "default",
        phase: str = "",
    ) -> int:
        """Create or replace a pod, return the revision."""
        key = PODS.key(namespace, name)
        value = self.document(name, node, labels, phase, namespace=namespace)
        found = await self.store.get(key)
        if found is None:
            return await self.store.create(key, value)
        return await self.store.update(key, value, expected=found.revision)

    async def drop(self, name: str, *, namespace: str = "default") -> int:
        """Delete a pod, return the revision."""
        return await self.store.delete(PODS.key(namespace, name))


@asynccontextmanager
async def world(
    codec: str = "protobuf", config: CacheConfig | None = None, *, store: Store | None = None
) -> AsyncIterator[World]:
    """Run a cache of pods and nodes while entered."""
    chosen = store or STORES["memory"].make(StoreOptions(inline_commits=True))
    async with (
        chosen as opened,
        WatchCache(opened, CODECS[codec], (PODS, NODES), config) as cache,
    ):
        yield World(opened, cache, CODECS[codec])
