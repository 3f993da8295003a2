"""A whole plane behind a troubled network, with a server that restarts and a node that dies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from google.protobuf.message import Message

from cluster.apiserver.store_history import StoreHistory
from cluster.client.history import HistoryWriter
from cluster.client.informer import InformerFactory
from cluster.client.interface import ApiClient, ApiError, ObjectKey, PatchType, Selection
from cluster.client.rest import ClientOptions, RestClient
from cluster.kubelet.fleet import FleetOptions
from cluster.kubelet.latency import Latency
from cluster.kubelet.stages import Latencies
from cluster.kubelet.status_writer import Writes
from cluster.processes.assembly import Links, Nodes
from cluster.processes.in_process import Cluster, ClusterConfig
from cluster.processes.keeping_history import recorded
from serialization.api.core import v1_pb2 as core
from serialization.kinds import (
    CONFIG_MAPS,
    NODES,
    PODS,
    SECRETS,
)
from serialization.scheme import Resource, metadata_of
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock
from storage.watchcache.config import CacheConfig
from tests.simulation.network import Network, Way

M = TypeVar("M", bound=Message)

SPACES: Final = ("default", "short-0", "short-1")
KEPT: Final = "test/kept"
"""A finalizer that is taken off in the end."""
LATENCIES: Final = Latencies(start=Latency(200, 3000), terminate=Latency(100, 2000))


class Troubled:
    """The plane, a user's smooth way to it, and what was done."""

    def __init__(
        self, cluster: Cluster, network: Network, client: ApiClient, chance: random.Random
    ) -> None:
        self.cluster = cluster
        self.network = network
        self.client = client
        self.chance = chance
        self.done: list[str] = []
        """What was done, to be told when it ends badly."""
        self._mortal: AsyncExitStack | None = None
        self.clock = VirtualClock()
        self.history: HistoryWriter | None = None
        """Where what the mortal node does is written down."""

    # reading

    async def all(self, resource: Resource, kind: type[M], namespace: str = "") -> list[M]:
        listed = await self.client.list_raw(resource, Selection(namespace))
        return [self.client.decode(kind, bare) for bare in listed.items]

    async def some(self, resource: Resource, kind: type[M]) -> M | None:
        """Return one of all objects of a kind in the namespaces that are played with, or None."""
        found = [
            each for each in await self.all(resource, kind) if metadata_of(each).namespace in SPACES
        ]
        return self.chance.choice(found) if found else None

    # what fate does

    async def turn_mortal_node(self) -> str:
        """Let the mortal node die, or live again."""
        if self._mortal is not None:
            stack, self._mortal = self._mortal, None
            await stack.aclose()
            return "dies"
        stack = AsyncExitStack()
        client = RestClient(ClientOptions("http://in.process"), self.clock, Way(self.network))
        await stack.enter_async_context(client)
        chance = random.Random(self.chance.getrandbits(64))
        informers = await stack.enter_async_context(
            InformerFactory(client, self.clock, chance, history=self.history)
        )
        work = recorded(client, self.history, "work")
        options = FleetOptions(
            1, first_node=100, name_prefix="mortal-", heartbeat_s=10, latencies=LATENCIES
        )
        nodes = Nodes(Links(work, None, informers, self.clock, chance), options)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        ready = asyncio.Event()
        stack.callback(group.create_task(nodes.run(ready.set)).cancel)
        await ready.wait()
        self._mortal = stack
        return "lives"

    async def delete_mortal_node(self) -> str:
        if self._mortal is not None:
            return "it lives"
        await self.client.delete(NODES, ObjectKey("", "mortal-100"))
        return "deleted"

    async def restart_server(self) -> str:
        away_s = self.chance.choice((0.0, 3.0, 60.0))
        await self.network.stop()
        await asyncio.sleep(away_s)
        await self.network.start()
        return f"after {away_s} s"

    async def act(self, deeds: Mapping[Callable[[Troubled], Awaitable[str]], int]) -> None:
        """Do one of these, each as often as it weighs; what the server refuses is not done."""
        deed = self.chance.choices(list(deeds), list(deeds.values()))[0]
        try:
            result = await deed(self)
        except ApiError as error:
            if error.code not in {403, 404, 409, 422}:
                raise
            result = str(error)
        now_s = asyncio.get_running_loop().time()
        self.done.append(f"{now_s:8.2f} {deed.__name__}: {result}")

    async def make_peace(self) -> None:
        """End all trouble, and take the finalizers off that would hold things up."""
        self.network.trouble = 0.0
        if self._mortal is None:
            await self.turn_mortal_node()
        for resource, kind in (
            (PODS, core.Pod),
            (CONFIG_MAPS, core.ConfigMap),
            (SECRETS, core.Secret),
        ):
            for found in await self.all(resource, kind):
                await self._let_go(resource, found)

    async def _let_go(self, resource: Resource, found: Message) -> None:
        meta = metadata_of(found)
        if KEPT in meta.finalizers:
            body = b'{"metadata":{"$deleteFromPrimitiveList/finalizers":["%s"]}}' % KEPT.encode()
            key = ObjectKey(meta.namespace, meta.name)
            await self.client.patch(resource, type(found), key, body, kind=PatchType.STRATEGIC)

    async def aclose(self) -> None:
        if self._mortal is not None:
            await self._mortal.aclose()


@asynccontextmanager
async def troubled(seed: int, histories: Path | None = None) -> AsyncIterator[Troubled]:
    """Run a plane whose every chance comes from ``seed``, on the virtual loop that is running.

    With ``histories`` everyone keeps one there. The truth is that of the cluster's own server,
    which nobody asks and nobody restarts.
    """
    clock, chance = VirtualClock(), random.Random(seed)
    options = StoreOptions(clock=clock, sync=False, inline_commits=True)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(STORES["memory"].make(options))
        network = Network(store, clock, chance.getrandbits(64))
        await network.start()
        stack.push_async_callback(network.stop)
        config, kept = _config(chance, network), _Kept(histories, clock, stack)
        config = kept.into(config)
        own = random.Random(chance.getrandbits(64))
        cluster = await stack.enter_async_context(Cluster(config, store, clock, own))
        way = Way(network, smooth=True)
        client = RestClient(ClientOptions("http://in.process"), clock, way)
        await stack.enter_async_context(client)
        made = Troubled(cluster, network, kept.user(client), chance)
        made.history = kept.writers.get("mortal")
        stack.push_async_callback(made.aclose)
        kept.begin(cluster)
        yield made
        await kept.end(cluster, store)


class _Kept:
    """The histories of a plane, if they are kept."""

    def __init__(self, directory: Path | None, clock: VirtualClock, stack: AsyncExitStack) -> None:
        self.writers: dict[str, HistoryWriter] = {}
        self._truth: StoreHistory | None = None
        if directory is None:
            return
        for name in ("apiserver", "control", "nodes", "user", "mortal"):
            writer = HistoryWriter(directory, name, clock)
            self.writers[name] = stack.enter_context(writer)
        self._truth = StoreHistory(self.writers["apiserver"])

    def into(self, config: ClusterConfig) -> ClusterConfig:
        """Return a config of which they are kept."""
        server = replace(config.server, cache=CacheConfig(observer=self._truth))
        return replace(config, server=server, histories=self.writers)

    def user(self, client: ApiClient) -> ApiClient:
        """Return the user's client."""
        return recorded(client, self.writers.get("user"), "work")

    def begin(self, cluster: Cluster) -> None:
        """Write down what was there before the cluster."""
        if self._truth is not None:
            self._truth.begin(cluster.server.api.cache)

    async def end(self, cluster: Cluster, store: Store) -> None:
        """Write down what all hold at the end."""
        if self._truth is not None:
            cluster.record_states()
            await self._truth.end(cluster.server.api.cache, store)


def _config(chance: random.Random, network: Network) -> ClusterConfig:
    """Return one of the ways in which a cluster may be set up."""
    fleet = FleetOptions(
        nodes=3,
        heartbeat_s=10,
        latencies=LATENCIES,
        status_beats=chance.choice((1, 1, 30)),
        writes=chance.choice(list(Writes)),
    )
    return ClusterConfig(
        fleet,
        codec=chance.choice(("protobuf", "protobuf", "orjson")),
        shared_informers=chance.random() < 0.8,
        between=lambda _inner: Way(network),
    )
