"""A service in a whole cluster: its endpoints and slices follow what its pods become."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from cluster.client.interface import ObjectKey, PatchType
from cluster.client.rest import RestClient
from cluster.kubelet.fleet import FleetOptions
from cluster.processes.in_process import Cluster, ClusterConfig
from serialization.api.apps import v1_pb2 as apps
from serialization.api.core import v1_pb2 as core
from serialization.api.discovery import v1_pb2 as discovery
from serialization.api.meta.v1_pb2 import LabelSelector, ObjectMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    SERVICES,
)
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual

LABELS = {"app": "web"}
NAMESPACE = "default"
KEY = ObjectKey(NAMESPACE, "web")
SETTLED_S = 10.0


@dataclass
class Plane:
    """A cluster in virtual time, and what a service of it looks like."""

    client: RestClient

    async def pods(self) -> list[core.Pod]:
        found = await self.client.list_raw(PODS)
        return [self.client.decode(core.Pod, bare) for bare in found.items]

    async def endpoints(self) -> tuple[set[str], set[str]]:
        """Return the addresses that are ready, and those that are not."""
        found = await self.client.get(ENDPOINTS, core.Endpoints, KEY)
        ready = {each.ip for subset in found.subsets for each in subset.addresses}
        return ready, {e.ip for subset in found.subsets for e in subset.notReadyAddresses}

    async def slices(self) -> list[discovery.EndpointSlice]:
        found = await self.client.list_raw(ENDPOINT_SLICES)
        return [self.client.decode(discovery.EndpointSlice, bare) for bare in found.items]

    async def sliced(self) -> tuple[set[str], set[str]]:
        """Return as ``endpoints`` does, by the slices."""
        all_ = [each for one in await self.slices() for each in one.endpoints]
        ready = {each.addresses[0] for each in all_ if each.conditions.ready}
        return ready, {each.addresses[0] for each in all_} - ready

    async def agree(self) -> set[str]:
        """Return the ready addresses, on which pods, endpoints and slices agree."""
        running = {pod.status.podIP for pod in await self.pods() if pod.metadata.labels == LABELS}
        assert await self.endpoints() == (running, set())
        assert await self.sliced() == (running, set())
        return running


@asynccontextmanager
async def plane(codec: str = "protobuf") -> AsyncIterator[Plane]:
    clock = VirtualClock()
    store = STORES["memory"].make(StoreOptions(clock=clock, inline_commits=True))
    config = ClusterConfig(FleetOptions(nodes=4), codec=codec)
    async with (
        store,
        Cluster(config, store, clock, random.Random(3)) as cluster,
        AsyncExitStack() as stack,
    ):
        yield Plane(await cluster.client(stack, "test"))


def template() -> core.PodTemplateSpec:
    container = core.Container(name="c", image="i")
    container.ports.append(core.ContainerPort(name="http", containerPort=8080))
    return core.PodTemplateSpec(
        metadata=ObjectMeta(labels=LABELS),
        spec=core.PodSpec(containers=[container], terminationGracePeriodSeconds=2),
    )


def service() -> core.Service:
    made = core.Service(
        metadata=ObjectMeta(namespace=NAMESPACE, name="web"),
        spec=core.ServiceSpec(selector=LABELS, ports=[core.ServicePort(port=80)]),
    )
    made.spec.ports[0].targetPort.type, made.spec.ports[0].targetPort.strVal = 1, "http"
    return made


def controller(replicas: int) -> core.ReplicationController:
    return core.ReplicationController(
        metadata=ObjectMeta(namespace=NAMESPACE, name="web"),
        spec=core.ReplicationControllerSpec(
            replicas=replicas, selector=LABELS, template=template()
        ),
    )


async def scale(at: Plane, replicas: int) -> None:
    found = await at.client.get(REPLICATION_CONTROLLERS, core.ReplicationController, KEY)
    found.spec.replicas = replicas
    found.metadata.resourceVersion = ""
    await at.client.update(REPLICATION_CONTROLLERS, found)


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_endpoints_and_slices_follow_the_pods_of_a_service(codec: str) -> None:
    async def scenario() -> None:
        async with plane(codec) as at:
            await at.client.create(SERVICES, NAMESPACE, service())
            await asyncio.sleep(SETTLED_S)
            assert await at.agree() == set()
            await at.client.create(REPLICATION_CONTROLLERS, NAMESPACE, controller(6))
            await asyncio.sleep(SETTLED_S)
            assert len(await at.agree()) == 6
            await scale(at, 3)
            await asyncio.sleep(SETTLED_S)
            assert len(await at.agree()) == 3

            (only,) = await at.slices()
            assert [port.port for port in only.ports] == [8080]
            assert only.metadata.ownerReferences[0].kind == "Service"
            await at.client.delete(SERVICES, KEY)
            await asyncio.sleep(SETTLED_S)
            assert (await at.client.list_raw(ENDPOINTS)).items == []
            assert await at.slices() == []  # garbage, by their owner
            assert len(await at.pods()) == 3

    run_virtual(scenario())


def test_addresses_follow_readiness_and_labels() -> None:
    async def scenario() -> None:
        async with plane() as at:
            made = controller(3)
            made.spec.template.metadata.annotations["kubedyno.dev/ready-after"] = "20s"
            await at.client.create(SERVICES, NAMESPACE, service())
            await at.client.create(REPLICATION_CONTROLLERS, NAMESPACE, made)
            await asyncio.sleep(SETTLED_S)
            pods = await at.pods()
            addresses = {pod.status.podIP for pod in pods}
            unready = await at.endpoints(), await at.sliced()
            await asyncio.sleep(2 * SETTLED_S)
            ready = await at.agree()
            key = ObjectKey(NAMESPACE, pods[0].metadata.name)
            patch = b'{"metadata":{"labels":{"app":"debug"}}}'
            await at.client.patch(PODS, core.Pod, key, patch, kind=PatchType.MERGE)
            await asyncio.sleep(3 * SETTLED_S)

            assert len(addresses) == 3
            assert unready == ((set(), addresses), (set(), addresses))
            assert ready == addresses
            assert pods[0].status.podIP not in await at.agree()
            assert len(await at.agree()) == 3  # it was released, and another made in its place
            released = await at.client.get(PODS, core.Pod, key)
            assert not released.metadata.ownerReferences

    run_virtual(scenario())


def test_replica_set_adopts_and_its_service_tells_of_a_pod_on_its_way_out() -> None:
    async def scenario() -> None:
        async with plane() as at:
            lone = core.Pod(metadata=ObjectMeta(name="lone", labels=LABELS), spec=template().spec)
            await at.client.create(PODS, NAMESPACE, lone)
            await at.client.create(SERVICES, NAMESPACE, service())
            made = apps.ReplicaSet(
                metadata=ObjectMeta(namespace=NAMESPACE, name="web"),
                spec=apps.ReplicaSetSpec(
                    replicas=2, selector=LabelSelector(matchLabels=LABELS), template=template()
                ),
            )
            await at.client.create(REPLICA_SETS, NAMESPACE, made)
            await asyncio.sleep(SETTLED_S)
            adopted = await at.client.get(PODS, core.Pod, ObjectKey(NAMESPACE, "lone"))
            owners = [each.kind for each in adopted.metadata.ownerReferences]
            finalizers = b'{"metadata":{"finalizers":["example.com/wait"]}}'
            key = ObjectKey(NAMESPACE, "lone")
            await at.client.patch(PODS, core.Pod, key, finalizers, kind=PatchType.MERGE)
            await at.client.delete(PODS, key)
            await asyncio.sleep(1)
            going = (await at.endpoints())[0], await at.sliced()
            status = (await at.client.get(REPLICA_SETS, apps.ReplicaSet, KEY)).status

            address = adopted.status.podIP
            assert owners == ["ReplicaSet"]
            assert len(await at.pods()) == 3
            assert address not in going[0]
            assert going[1][1] == {address}
            assert (status.replicas, status.terminatingReplicas) == (2, 1)

    run_virtual(scenario())
