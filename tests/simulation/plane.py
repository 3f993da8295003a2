"""A whole cluster in virtual time, and everything that happened in it written down as bytes."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from cluster.client.exchange import Exchange
from cluster.client.interface import ObjectKey
from cluster.client.rest import RestClient
from cluster.kubelet.fleet import FleetOptions
from cluster.kubelet.latency import Latency
from cluster.kubelet.stages import Latencies
from cluster.processes.in_process import Cluster, ClusterConfig
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.api.resource_pb2 import Quantity
from serialization.kinds import EVENTS, NODES, PODS, REPLICATION_CONTROLLERS
from serialization.scheme import Resource
from storage.errors import StoreError
from storage.records import Batch
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock

NODE_COUNT: Final = 10
HEARTBEAT_S: Final = 10
NAMESPACE: Final = "default"

Between = Callable[[Exchange], Exchange]
"""Puts something between the cluster's components and its API server."""


class Written(NamedTuple):
    """One change of the store, and when it was applied."""

    stamp_ns: int
    revision: int
    kind: str
    key: bytes
    value: bytes

    @property
    def resource(self) -> str:
        """The resource, as its storage prefix names it."""
        return self.key.split(b"/")[2].decode()

    def line(self) -> bytes:
        """Return it as bytes."""
        return f"{self.stamp_ns} {self.revision} {self.kind} ".encode() + self.key + self.value


class Watched(NamedTuple):
    """One event of a watch, and when it was received."""

    stamp_ns: int
    kind: str
    bare: bytes

    def line(self) -> bytes:
        """Return it as bytes."""
        return f"{self.stamp_ns} {self.kind} ".encode() + self.bare


class History:
    """Every change of the store, in order."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.changes: list[Written] = []

    def deliver(self, batch: Batch) -> None:
        stamp_ns = self._clock.stamp_ns()
        for key, value, revision, _, _, version, _ in batch.changes:
            kind = "DELETED" if value is None else "ADDED" if version == 1 else "MODIFIED"
            self.changes.append(Written(stamp_ns, revision, kind, key, value or b""))

    def closed(self, error: StoreError) -> None:
        raise AssertionError(f"the history ends too early: {error}")

    def counts(self) -> Counter[tuple[str, str]]:
        """Return how many changes there were, by resource and kind."""
        return Counter((change.resource, change.kind) for change in self.changes)


class Plane:
    """A cluster, and what a test does to it and reads from it."""

    def __init__(self, cluster: Cluster, client: RestClient, clock: VirtualClock) -> None:
        self.cluster = cluster
        self.clock = clock
        self.history = History(clock)
        self.lossy = False
        """Requests get lost on their way: what is not tried again may be missing."""
        self.watched: list[Watched] = []
        """What a watch on all pods brought, in the cluster's codec."""
        self._client = client

    async def until(self, seconds: float) -> None:
        """Let virtual time pass up to a moment since the loop's beginning."""
        await asyncio.sleep(seconds - self.clock.stamp_ns() / 1e9)

    async def run_controller(self, name: str, replicas: int, cpu: str = "100m") -> None:
        labels = {"app": name}
        requests = core.ResourceRequirements(requests={"cpu": Quantity(string=cpu)})
        container = core.Container(name="main", image="hollow/main:1.0", resources=requests)
        template = core.PodTemplateSpec(
            metadata=ObjectMeta(labels=labels),
            spec=core.PodSpec(containers=[container], terminationGracePeriodSeconds=5),
        )
        controller = core.ReplicationController(
            metadata=ObjectMeta(namespace=NAMESPACE, name=name, labels=labels),
            spec=core.ReplicationControllerSpec(
                replicas=replicas, selector=labels, template=template
            ),
        )
        await self._client.create(REPLICATION_CONTROLLERS, NAMESPACE, controller)

    async def controller(self, name: str) -> core.ReplicationController:
        key = ObjectKey(NAMESPACE, name)
        return await self._client.get(REPLICATION_CONTROLLERS, core.ReplicationController, key)

    async def scale(self, name: str, replicas: int) -> None:
        controller = await self.controller(name)
        controller.spec.replicas = replicas
        await self._client.update(REPLICATION_CONTROLLERS, controller)

    async def delete(self, resource: Resource, name: str) -> None:
        await self._client.delete(resource, ObjectKey(NAMESPACE, name))

    async def pods(self, app: str = "") -> list[core.Pod]:
        found = (await self._client.list_raw(PODS)).items
        pods = [self._client.decode(core.Pod, bare) for bare in found]
        return [pod for pod in pods if app in ("", pod.metadata.labels["app"])]

    async def nodes(self) -> list[core.Node]:
        found = (await self._client.list_raw(NODES)).items
        return [self._client.decode(core.Node, bare) for bare in found]

    async def events(self) -> list[core.Event]:
        found = (await self._client.list_raw(EVENTS)).items
        return [self._client.decode(core.Event, bare) for bare in found]

    async def follow_pods(self) -> None:
        """Write down what a watch on all pods is told, until cancelled."""
        async for events in self._client.watch_raw(PODS, resource_version="0", timeout_s=10**6):
            self.watched += [Watched(each.received_ns, each.type, each.bare) for each in events]


def config(codec: str = "protobuf", between: Between | None = None) -> ClusterConfig:
    """Ten nodes that take their time, and beat every ten seconds."""
    return ClusterConfig(
        FleetOptions(
            nodes=NODE_COUNT,
            heartbeat_s=HEARTBEAT_S,
            latencies=Latencies(start=Latency(200, 3000), terminate=Latency(100, 2000)),
        ),
        codec=codec,
        between=between,
    )


@asynccontextmanager
async def plane(
    seed: int,
    codec: str = "protobuf",
    store_name: str = "memory",
    data_dir: Path | None = None,
    *,
    between: Between | None = None,
) -> AsyncIterator[Plane]:
    """Run a cluster whose every chance comes from ``seed``, on the virtual loop that is running."""
    clock = VirtualClock()
    options = StoreOptions(data_dir=data_dir, clock=clock, sync=False, inline_commits=True)
    async with (
        STORES[store_name].make(options) as store,
        Cluster(config(codec, between), store, clock, random.Random(seed)) as cluster,
        AsyncExitStack() as stack,
    ):
        made = Plane(cluster, await cluster.client(stack, "test"), clock)
        made.lossy = between is not None
        stack.callback(store.watch(b"/registry/", made.history, after=1).cancel)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        stack.callback(group.create_task(made.follow_pods()).cancel)
        yield made
