"""A whole cluster in this process, without sockets: API server, control plane, hollow nodes.

A value: two on one loop know nothing of each other. Given a virtual clock on a virtual loop, a
store that commits inline and a seed, everything that happens in it follows from what it is told.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Self

from cluster.apiserver.assembly import Assembly, ServerConfig, assemble
from cluster.apiserver.kubelets import dial_http
from cluster.client.exchange import BodyStream, Exchange, Request, Response
from cluster.client.history import HistoryWriter
from cluster.client.informer import InformerFactory
from cluster.client.inprocess import InProcessExchange
from cluster.client.rest import ClientOptions, RestClient
from cluster.kubelet.fleet import FleetOptions
from cluster.kubelet.server import KubeletServer
from cluster.processes.assembly import Control, Links, Nodes
from cluster.processes.keeping_history import recorded
from serialization.codecs.registry import CODECS
from storage.clock import Clock
from storage.interface import Store


class Lent:
    """An exchange that many use: closing this face of it closes nothing."""

    def __init__(self, inner: Exchange) -> None:
        self._inner = inner

    async def request(self, request: Request, *, timeout_s: float) -> Response:
        return await self._inner.request(request, timeout_s=timeout_s)

    async def open_stream(
        self, request: Request, *, timeout_s: float, lifetime_s: float = 0.0
    ) -> BodyStream:
        return await self._inner.open_stream(request, timeout_s=timeout_s, lifetime_s=lifetime_s)

    def close(self) -> None:
        return


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """How a cluster in one process is set up."""

    fleet: FleetOptions
    server: ServerConfig = field(default_factory=lambda: ServerConfig(CODECS["protobuf"]))
    codec: str = "protobuf"
    """That of controllers, scheduler and nodes."""
    events: bool = True
    shared_informers: bool = True
    between: Callable[[Exchange], Exchange] | None = None
    """Puts something between the cluster's own clients and its server: faults, a recorder."""
    histories: Mapping[str, HistoryWriter] = field(default_factory=dict)
    """Where ``control`` and ``nodes`` write down what they do and see, if they are there."""


class Cluster:
    """A running cluster over a store that is open. Inside ``async with``; belongs to one loop.

    Entering it returns when the control plane has synced and every node is registered.
    """

    server: Assembly
    control: Control
    nodes: Nodes

    def __init__(
        self, config: ClusterConfig, store: Store, clock: Clock, chance: random.Random
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._chance = chance
        self._stack = AsyncExitStack()
        self._working: list[asyncio.Task[None]] = []
        self._informers: list[InformerFactory] = []
        self._kubelets: InProcessExchange | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            server = self._config.server
            if server.dial is dial_http:
                server = replace(server, dial=self._dial)
            self.server = await stack.enter_async_context(
                assemble(self._store, server, self._clock, self._own_chance())
            )
            self.control = Control(await self._links(stack, "control"))
            self.nodes = Nodes(await self._links(stack, "nodes"), self._config.fleet)
            kubelets = InProcessExchange(KubeletServer(self.nodes.fleet.logs), self._clock)
            self._kubelets = await stack.enter_async_context(kubelets)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            stack.callback(self._stop)
            for part in (self.control, self.nodes):
                ready = asyncio.Event()
                self._working.append(group.create_task(part.run(ready.set)))
                await ready.wait()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    def record_states(self) -> None:
        """Write down what all caches hold, where histories are kept."""
        for informers in self._informers:
            informers.record_states()

    async def client(self, stack: AsyncExitStack, name: str, codec: str = "") -> RestClient:
        """Return a client of this cluster's API server that lasts as long as ``stack``."""
        return await self._client(stack, name, codec or self._config.codec, None)

    async def _client(
        self,
        stack: AsyncExitStack,
        name: str,
        codec: str,
        between: Callable[[Exchange], Exchange] | None,
    ) -> RestClient:
        direct = InProcessExchange(self.server.app, self._clock)
        await stack.enter_async_context(direct)
        exchange = between(direct) if between is not None else direct
        options = ClientOptions(
            "http://in.process",
            codec=codec,
            user_agent=f"kubedyno-{name}",
        )
        return await stack.enter_async_context(RestClient(options, self._clock, exchange))

    async def _links(self, stack: AsyncExitStack, name: str) -> Links:
        config = self._config
        client = await self._client(stack, name, config.codec, config.between)
        events = None
        if config.events:
            events = await self._client(stack, f"{name}-events", config.codec, config.between)
        chance = self._own_chance()
        history = config.histories.get(name)
        informers = await stack.enter_async_context(
            InformerFactory(
                client, self._clock, chance, shared=config.shared_informers, history=history
            )
        )
        self._informers.append(informers)
        work = recorded(client, history, "work")
        posting = None if events is None else recorded(events, history, "events")
        return Links(work, posting, informers, self._clock, chance)

    def _dial(self, _base_url: str, _clock: Clock) -> Exchange:
        """Return the way to the kubelets, which all are in this process, whatever the address."""
        if self._kubelets is None:
            raise RuntimeError("the nodes have not been made yet")
        return Lent(self._kubelets)

    def _own_chance(self) -> random.Random:
        """Return a part's own source, so that what one part draws moves no other."""
        return random.Random(self._chance.getrandbits(64))

    def _stop(self) -> None:
        for task in self._working:
            task.cancel()
