"""An API server put together over a store: a value, so that two can live in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from google.protobuf.message import Message

from cluster.apiserver.api import Api
from cluster.apiserver.app import ApiServer
from cluster.apiserver.bootstrap import create_first_namespaces
from cluster.apiserver.discovery import Discovery
from cluster.apiserver.exposition import render
from cluster.apiserver.health import Health
from cluster.apiserver.metrics import RequestMetrics
from cluster.apiserver.negotiation import Negotiator
from cluster.apiserver.pages import Pages
from cluster.apiserver.registry import Registry, served
from cluster.apiserver.resources.interface import Strategy
from serialization.codecs.interface import Codec
from serialization.codecs.registry import CODECS
from storage.clock import Clock
from storage.interface import Store
from storage.watchcache.cache import WatchCache
from storage.watchcache.config import CacheConfig


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How an API server is set up."""

    storage_codec: Codec
    json_codec: Codec = field(default_factory=lambda: CODECS["orjson"])
    """The library that reads and writes application/json."""
    cache: CacheConfig = field(default_factory=CacheConfig)


@dataclass(frozen=True, slots=True)
class Assembly:
    """A running API server and its parts."""

    app: ApiServer
    api: Api
    metrics: RequestMetrics

    def counters(self) -> dict[str, int]:
        """Return every counter under the name that ``--stats`` uses."""
        return self.metrics.flat() | self.api.cache.counters.flat()


@asynccontextmanager
async def assemble(
    store: Store,
    config: ServerConfig,
    clock: Clock,
    random: Random,
    strategies: Iterable[Strategy[Message]] | None = None,
) -> AsyncIterator[Assembly]:
    """Run an API server over a store that is open; what a new cluster needs is in it after."""
    registry = Registry(served() if strategies is None else strategies)
    metrics = RequestMetrics()
    async with WatchCache(store, config.storage_codec, registry.resources, config.cache) as cache:
        negotiator = Negotiator(config.json_codec, CODECS["protobuf"])
        api = Api(store, cache, negotiator, registry, clock, random)
        await create_first_namespaces(api)

        async def exposition() -> bytes:
            return render(metrics.families())

        health = Health({"ping": lambda: True, "log": lambda: True})
        pages = Pages(health, Discovery(registry), exposition)
        yield Assembly(ApiServer(api, pages, metrics), api, metrics)
