"""An API server put together over a store: a value, so that two can live in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Final

from google.protobuf.message import Message

from cluster.apiserver.allocation.claim_keys import ClaimKeys
from cluster.apiserver.allocation.interface import SharedAllocator
from cluster.apiserver.allocation.services import ServiceAllocator
from cluster.apiserver.allocation.shared_services import SharedServices
from cluster.apiserver.api import Api
from cluster.apiserver.app import ApiServer
from cluster.apiserver.authentication import Authenticator, Everybody
from cluster.apiserver.bootstrap import create_first_namespaces
from cluster.apiserver.cluster_metrics import exposition
from cluster.apiserver.discovery import Discovery
from cluster.apiserver.fanout.config import FanoutConfig
from cluster.apiserver.fanout.fanout import Fanout
from cluster.apiserver.health import Health
from cluster.apiserver.incarnation import next_incarnation
from cluster.apiserver.inflight import Inflight, Limits
from cluster.apiserver.kubelets import Dial, dial_http
from cluster.apiserver.metrics import RequestMetrics
from cluster.apiserver.negotiation import Negotiator
from cluster.apiserver.pages import Pages
from cluster.apiserver.reads.reads import Reads
from cluster.apiserver.registry import Registry, served
from cluster.apiserver.resources.interface import Strategy
from serialization.codecs.interface import Codec
from serialization.codecs.registry import CODECS
from serialization.kinds import SERVICES
from storage.attribution import OFF, Layers
from storage.base64_values import Base64Values, with_text_values
from storage.clock import Clock
from storage.errors import StoreError
from storage.interface import Store
from storage.watchcache.cache import WatchCache
from storage.watchcache.config import CacheConfig
from storage.watchcache.resource import ResourceCache

HEALTH_S: Final = 2.0
"""How long a store may take to say how it is before a health check fails: as in Kubernetes."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How an API server is set up."""

    storage_codec: Codec
    json_codec: Codec = field(default_factory=lambda: CODECS["orjson"])
    """The library that reads and writes application/json."""
    cache: CacheConfig = field(default_factory=CacheConfig)
    fanout: FanoutConfig = field(default_factory=FanoutConfig)
    authenticator: Authenticator = field(default_factory=Everybody)
    limits: Limits = field(default_factory=Limits)
    dial: Dial = dial_http
    """The way to the kubelets, for logs."""
    cache_type: type[ResourceCache] = ResourceCache
    """Another one plants a fault (``cluster.apiserver.faults``)."""
    layers: Layers = OFF
    """Where the CPU of the loop's thread goes, that of cache and fan-out included. Give the store
    the same."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """A running API server and its parts."""

    app: ApiServer
    api: Api
    fanout: Fanout
    inflight: Inflight

    def counters(self) -> dict[str, float]:
        """Return every counter under the name that ``--stats`` uses."""
        counted = self.api.metrics.flat() | self.inflight.flat()
        counted |= self.api.cache.counters.flat() | self.fanout.counters.flat()
        wrapping = self.api.store
        wrapped = wrapping.counters() if isinstance(wrapping, Base64Values) else {}
        return {**counted, **wrapped, **self.api.layers.flat()}


@asynccontextmanager
async def assemble(
    store: Store,
    config: ServerConfig,
    clock: Clock,
    random: Random,
    strategies: Iterable[Strategy[Message]] | None = None,
) -> AsyncIterator[Assembly]:
    """Run an API server over a store that is open; what a new cluster needs is in it after.

    In a store that takes text alone, binary values stand as base64.
    """
    store = with_text_values(store)
    registry = Registry(served(clock) if strategies is None else strategies)
    metrics = RequestMetrics()
    inflight = Inflight(config.limits, metrics.inflight)
    layers = config.layers
    async with WatchCache(
        store, config.storage_codec, registry.resources, config.cache, cache_type=config.cache_type
    ) as cache:
        negotiator = Negotiator(config.json_codec, CODECS["protobuf"])
        random = await _own_chance(store, random)
        fanout = Fanout(config.fanout, clock, random)
        reads = Reads(cache, fanout)
        allocators = _allocators(cache, registry, random)
        api = Api(store, cache, reads, negotiator, registry, metrics, clock, random, allocators)
        api.dial, api.layers = config.dial, layers
        await create_first_namespaces(api)
        if cache.others_write:
            api.shared = await _shared_allocators(cache, allocators, clock, random)

        async def metrics_text() -> bytes:
            return await exposition(api, fanout, inflight)

        pages = Pages(_health(cache), Discovery(registry), metrics_text)
        try:
            app = ApiServer(api, pages, config.authenticator, inflight)
            yield Assembly(app, api, fanout, inflight)
        finally:
            fanout.shut_down()
            inflight.shut_down()


def _allocators(
    cache: WatchCache, registry: Registry, random: Random
) -> dict[type[Message], ServiceAllocator]:
    """Return what hands out to objects that are written, by their kind."""
    if SERVICES not in registry.resources:
        return {}
    return {SERVICES.message: ServiceAllocator(cache.of(SERVICES), random)}


async def _shared_allocators(
    cache: WatchCache,
    allocators: Mapping[type[Message], ServiceAllocator],
    clock: Clock,
    random: Random,
) -> dict[type[Message], SharedAllocator]:
    """Return what claims in the store what the allocators find, the claims repaired."""
    shared: dict[type[Message], SharedAllocator] = {}
    for message, allocator in allocators.items():
        services = SharedServices(cache, allocator, ClaimKeys(cache.store, clock, random))
        await services.repair()
        shared[message] = services
    return shared


async def _own_chance(store: Store, random: Random) -> Random:
    """Return chance of which no other server on this store draws: equal uids would come of it.

    Neither one that ran before with the same seed, nor one that runs beside.
    """
    seed = f"{random.getrandbits(64)}/{store.current_revision()}"
    if store.capabilities.others_write:
        seed += f"/{await next_incarnation(store)}"
    return Random(seed)


def _health(cache: WatchCache) -> Health:
    async def ping() -> bool:
        return True

    async def etcd() -> bool:
        try:
            async with asyncio.timeout(HEALTH_S):
                return not (await cache.store.status()).alarm
        except (StoreError, TimeoutError):
            return False

    async def watch_cache() -> bool:
        return not cache.losses

    checks = {"ping": ping, "log": ping, "etcd": etcd}
    return Health(checks, ready={"watch-cache": watch_cache})
