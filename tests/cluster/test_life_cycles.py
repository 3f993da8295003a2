"""Ends of things on a whole cluster in virtual time: cascades, namespaces, a node that dies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from cluster.client.interface import ObjectKey, Propagation, Selection
from cluster.client.rest import RestClient
from cluster.kubelet.fleet import FleetOptions
from cluster.kubelet.latency import Latency
from cluster.kubelet.stages import Latencies
from cluster.processes.in_process import Cluster, ClusterConfig
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import EVENTS, NAMESPACES, PODS, REPLICATION_CONTROLLERS
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual

LABELS = {"app": "web"}
WEB = ObjectKey("default", "web")


class World:
    """A cluster of three nodes, and a client."""

    def __init__(self, cluster: Cluster, store: Store, client: RestClient) -> None:
        self.cluster = cluster
        self.store = store
        self.client = client

    async def run_controller(self, replicas: int, namespace: str = "default") -> None:
        """Create a controller, and wait until its pods run."""
        template = core.PodTemplateSpec(
            metadata=ObjectMeta(labels=LABELS),
            spec=core.PodSpec(
                containers=[core.Container(name="c", image="i:1")],
                terminationGracePeriodSeconds=3,
            ),
        )
        made = core.ReplicationController(
            metadata=ObjectMeta(namespace=namespace, name="web"),
            spec=core.ReplicationControllerSpec(
                replicas=replicas, selector=LABELS, template=template
            ),
        )
        await self.client.create(REPLICATION_CONTROLLERS, namespace, made)
        await asyncio.sleep(10)
        assert {pod.status.phase for pod in await self.pods()} == {"Running"}

    async def pods(self) -> list[core.Pod]:
        found = await self.client.list_raw(PODS)
        return [self.client.decode(core.Pod, bare) for bare in found.items]

    async def controllers(self) -> int:
        return len((await self.client.list_raw(REPLICATION_CONTROLLERS)).items)


def run(scenario: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        async with world() as made:
            await scenario(made)

    run_virtual(main())


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    clock = VirtualClock()
    store = STORES["memory"].make(StoreOptions(clock=clock, inline_commits=True))
    config = ClusterConfig(
        FleetOptions(
            nodes=3,
            heartbeat_s=10,
            latencies=Latencies(start=Latency(200, 3000), terminate=Latency(1000, 2000)),
        )
    )
    async with (
        store as opened,
        Cluster(config, opened, clock, random.Random(5)) as cluster,
        AsyncExitStack() as stack,
    ):
        yield World(cluster, opened, await cluster.client(stack, "test"))


@pytest.mark.slow
@pytest.mark.parametrize("policy", [Propagation.BACKGROUND, Propagation.FOREGROUND])
def test_pods_go_with_their_controller(policy: Propagation) -> None:
    async def scenario(at: World) -> None:
        await at.run_controller(20)

        await at.client.delete(REPLICATION_CONTROLLERS, WEB, propagation=policy)
        await asyncio.sleep(0.5)
        soon = await at.controllers()
        await asyncio.sleep(30)

        assert soon == (1 if policy is Propagation.FOREGROUND else 0)
        assert await at.pods() == []
        assert await at.controllers() == 0

    run(scenario)


@pytest.mark.slow
@pytest.mark.parametrize("policy", [Propagation.ORPHAN, Propagation.DEFAULT])
def test_orphaned_pods_run_on_and_can_be_adopted(policy: Propagation) -> None:
    async def scenario(at: World) -> None:
        await at.run_controller(20)
        before = {pod.metadata.uid for pod in await at.pods()}

        await at.client.delete(REPLICATION_CONTROLLERS, WEB, propagation=policy)
        await asyncio.sleep(30)
        orphans = await at.pods()
        gone = await at.controllers()
        await at.run_controller(20)

        assert gone == 0
        assert not any(pod.metadata.ownerReferences for pod in orphans)
        assert {pod.metadata.uid for pod in await at.pods()} == before
        assert all(pod.metadata.ownerReferences for pod in await at.pods())

    run(scenario)


@pytest.mark.slow
def test_namespace_goes_with_all_that_is_in_it() -> None:
    async def scenario(at: World) -> None:
        await at.client.create(
            NAMESPACES, "", core.Namespace(metadata=ObjectMeta(name="short-lived"))
        )
        await at.run_controller(20, "short-lived")

        await at.client.delete(NAMESPACES, ObjectKey("", "short-lived"))
        await asyncio.sleep(60)

        assert await at.pods() == []
        assert await at.controllers() == 0
        names = await at.client.list_raw(NAMESPACES)
        found = [at.client.decode(core.Namespace, bare).metadata.name for bare in names.items]
        assert "short-lived" not in found
        left = await at.client.list_raw(EVENTS, Selection("short-lived"))
        assert left.items == []

    run(scenario)
