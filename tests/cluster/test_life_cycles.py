"""Ends of things on a whole cluster in virtual time: cascades, namespaces, a node that dies."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from cluster.client.exchange import Exchange
from cluster.client.informer import InformerFactory
from cluster.client.interface import ObjectKey, Propagation, Selection
from cluster.client.rest import RestClient
from cluster.kubelet.fleet import FleetOptions
from cluster.kubelet.latency import Latency
from cluster.kubelet.stages import Latencies
from cluster.processes.assembly import Links, Nodes
from cluster.processes.in_process import Cluster, ClusterConfig
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta, OwnerReference
from serialization.kinds import (
    CONFIG_MAPS,
    EVENTS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICATION_CONTROLLERS,
    SECRETS,
)
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from tests.simulation.faults import FaultyExchange

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
        await self.create_controller(replicas, namespace)
        await asyncio.sleep(10)
        assert {pod.status.phase for pod in await self.pods()} == {"Running"}

    async def create_controller(self, replicas: int, namespace: str) -> None:
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

    @asynccontextmanager
    async def mortal_node(self) -> AsyncIterator[str]:
        """Run one more node, from a part of its own, that dies when the block is left."""
        async with AsyncExitStack() as stack:
            client = await self.cluster.client(stack, "mortal")
            clock, chance = VirtualClock(), random.Random(3)
            informers = await stack.enter_async_context(InformerFactory(client, clock, chance))
            options = FleetOptions(nodes=1, name_prefix="mortal-", heartbeat_s=10)
            nodes = Nodes(Links(client, None, informers, clock, chance), options)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            ready = asyncio.Event()
            stack.callback(group.create_task(nodes.run(ready.set)).cancel)
            await ready.wait()
            yield "mortal-0"

    async def node(self, name: str) -> core.Node:
        return await self.client.get(NODES, core.Node, ObjectKey("", name))

    async def reasons(self) -> Counter[str]:
        """Return how many events there are, by reason."""
        found = (await self.client.list_raw(EVENTS)).items
        return Counter(self.client.decode(core.Event, bare).reason for bare in found)

    async def pods(self) -> list[core.Pod]:
        found = await self.client.list_raw(PODS)
        return [self.client.decode(core.Pod, bare) for bare in found.items]

    async def controllers(self) -> int:
        return len((await self.client.list_raw(REPLICATION_CONTROLLERS)).items)


def _is_ready(pod: core.Pod) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)


def _is_going(pod: core.Pod) -> bool:
    return pod.metadata.HasField("deletionTimestamp")


QUICK = Latency(1000, 2000)
SLOW = Latency(600_000, 600_000)


def run(
    scenario: Callable[[World], Awaitable[None]],
    terminate: Latency = QUICK,
    between: Callable[[Exchange], Exchange] | None = None,
) -> None:
    async def main() -> None:
        async with world(terminate, between) as made:
            await scenario(made)

    run_virtual(main())


@asynccontextmanager
async def world(
    terminate: Latency, between: Callable[[Exchange], Exchange] | None
) -> AsyncIterator[World]:
    clock = VirtualClock()
    store = STORES["memory"].make(StoreOptions(clock=clock, inline_commits=True))
    config = ClusterConfig(
        FleetOptions(
            nodes=3,
            heartbeat_s=10,
            latencies=Latencies(start=Latency(200, 3000), terminate=terminate),
        ),
        between=between,
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
def test_pods_of_a_node_that_dies_are_evicted_and_run_elsewhere() -> None:
    async def scenario(at: World) -> None:
        async with at.mortal_node() as node:
            await at.run_controller(20)
            lost = {p.metadata.uid for p in await at.pods() if p.spec.nodeName == node}
            assert lost
        died = asyncio.get_running_loop().time()

        await asyncio.sleep(60)
        unknown = await at.node(node)
        told = {p.metadata.uid for p in await at.pods() if not _is_ready(p)}
        await asyncio.sleep(died + 330 - asyncio.get_running_loop().time())
        waiting = {p.metadata.uid for p in await at.pods() if _is_going(p)}
        await asyncio.sleep(60)

        conditions = {each.type: each.status for each in unknown.status.conditions}
        assert conditions["Ready"] == "Unknown"
        assert {(each.key, each.effect) for each in unknown.spec.taints} == {
            ("node.kubernetes.io/unreachable", "NoSchedule"),
            ("node.kubernetes.io/unreachable", "NoExecute"),
        }
        assert told == lost
        assert waiting == set()  # their 300 s are not over
        pods = await at.pods()
        assert {p.metadata.uid for p in pods if _is_going(p)} == lost
        running = [p for p in pods if not _is_going(p)]
        assert len(running) == 20
        assert all(_is_ready(p) and p.spec.nodeName != node for p in running)
        reasons = await at.reasons()
        assert reasons["NodeNotReady"] == 1 + len(lost)
        assert reasons["TaintManagerEviction"] == len(lost)

    run(scenario)


@pytest.mark.slow
def test_node_that_comes_back_in_time_keeps_its_pods() -> None:
    async def scenario(at: World) -> None:
        async with at.mortal_node() as node:
            await at.run_controller(20)
            before = {pod.metadata.uid for pod in await at.pods()}
        await asyncio.sleep(200)
        tainted = await at.node(node)

        async with at.mortal_node():
            await asyncio.sleep(600)

            assert tainted.spec.taints
            assert not (await at.node(node)).spec.taints
            assert {pod.metadata.uid for pod in await at.pods()} == before

    run(scenario)


@pytest.mark.slow
def test_kubelet_hurries_when_a_second_delete_shortens_the_grace() -> None:
    async def scenario(at: World) -> None:
        spec = core.PodSpec(containers=[core.Container(name="c", image="i:1")])
        spec.terminationGracePeriodSeconds = 300
        pod = core.Pod(metadata=ObjectMeta(name="slow", namespace="default"), spec=spec)
        await at.client.create(PODS, "default", pod)
        await asyncio.sleep(10)
        key = ObjectKey("default", "slow")

        await at.client.delete(PODS, key)
        await asyncio.sleep(60)
        still = len(await at.pods())
        await at.client.delete(PODS, key, grace_period_s=5)
        await asyncio.sleep(3)
        soon = len(await at.pods())
        await asyncio.sleep(5)

        assert (still, soon) == (1, 1)
        assert await at.pods() == []

    run(scenario, terminate=SLOW)


@pytest.mark.slow
def test_pods_of_a_removed_node_are_removed() -> None:
    async def scenario(at: World) -> None:
        async with at.mortal_node() as node:
            await at.run_controller(20)
        await at.client.delete(NODES, ObjectKey("", node))
        await asyncio.sleep(120)

        pods = await at.pods()
        assert len(pods) == 20
        assert all(_is_ready(pod) and pod.spec.nodeName != node for pod in pods)

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


@pytest.mark.slow
def test_dependent_of_several_owners_goes_with_the_last() -> None:
    async def scenario(at: World) -> None:
        owners = []
        for name in ("one", "two"):
            meta = ObjectMeta(namespace="default", name=name)
            owners.append(
                await at.client.create(CONFIG_MAPS, "default", core.ConfigMap(metadata=meta))
            )
        references = [
            OwnerReference(
                apiVersion="v1",
                kind="ConfigMap",
                name=owner.metadata.name,
                uid=owner.metadata.uid,
                blockOwnerDeletion=True,
            )
            for owner in owners
        ]
        meta = ObjectMeta(namespace="default", name="both", ownerReferences=references)
        await at.client.create(SECRETS, "default", core.Secret(metadata=meta))

        left = []
        for name in ("one", "two"):
            key = ObjectKey("default", name)
            await at.client.delete(CONFIG_MAPS, key, propagation=Propagation.FOREGROUND)
            await asyncio.sleep(5)
            found = (await at.client.list_raw(SECRETS)).items
            secrets = [at.client.decode(core.Secret, bare) for bare in found]
            left.append([[o.name for o in each.metadata.ownerReferences] for each in secrets])

        assert left == [[["two"]], []]
        assert (await at.client.list_raw(CONFIG_MAPS)).items == []

    run(scenario)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_all_ends_are_reached_over_a_bad_network(seed: int) -> None:
    chance = random.Random(seed)

    async def scenario(at: World) -> None:
        await at.client.create(
            NAMESPACES, "", core.Namespace(metadata=ObjectMeta(name="short-lived"))
        )
        for namespace in ("default", "short-lived"):
            await at.create_controller(10, namespace)
        await asyncio.sleep(60)

        await at.client.delete(REPLICATION_CONTROLLERS, WEB, propagation=Propagation.FOREGROUND)
        await at.client.delete(NAMESPACES, ObjectKey("", "short-lived"))
        await asyncio.sleep(600)

        assert await at.pods() == []
        assert await at.controllers() == 0
        for node in (await at.client.list_raw(NODES)).items:
            assert not at.client.decode(core.Node, node).spec.taints

    run(scenario, between=lambda inner: FaultyExchange(inner, chance))
