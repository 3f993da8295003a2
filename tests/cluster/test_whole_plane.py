"""Every part of the cluster in one process, over sockets: pods come, run, and go again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from cluster.apiserver.assembly import ServerConfig, assemble
from cluster.apiserver.listener import bind, listen, url_of
from cluster.client.events import EventRecorder
from cluster.client.informer import InformerFactory
from cluster.client.interface import CachedObject, Lister, ObjectKey
from cluster.client.rest import ClientOptions, RestClient
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.registry import CONTROLLERS
from cluster.controllers.runner import Runner, Surroundings
from cluster.kubelet.fleet import Fleet, FleetOptions
from cluster.scheduler.scheduler import Scheduler
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import EVENTS, PODS, REPLICATION_CONTROLLERS
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions

CLOCK = SystemClock()
KEY = ObjectKey("default", "web")
NODES = 3
LABELS = {"app": "web"}


class Following:
    """Waits for a condition on all pods, woken by their events."""

    def __init__(self, lister: Lister[core.Pod]) -> None:
        self._lister = lister
        self._changed = asyncio.Event()

    def added(self, new: CachedObject[core.Pod]) -> None:
        self._changed.set()

    def updated(self, old: CachedObject[core.Pod], new: CachedObject[core.Pod]) -> None:
        self._changed.set()

    def deleted(self, last: CachedObject[core.Pod]) -> None:
        self._changed.set()

    async def until(self, holds: Callable[[list[CachedObject[core.Pod]]], bool]) -> list[core.Pod]:
        """Return the pods once the condition holds."""
        while not holds(pods := list(self._lister.list())):
            self._changed.clear()
            await self._changed.wait()
        return [pod.message() for pod in pods]


@asynccontextmanager
async def plane(codec: str) -> AsyncIterator[tuple[RestClient, Following, EventRecorder]]:
    """A server on the memory store, controllers, scheduler and nodes that speak ``codec``."""
    sock = bind("127.0.0.1", 0)
    store = STORES["memory"].make(StoreOptions(clock=CLOCK))
    config = ServerConfig(CODECS["protobuf"])
    options = ClientOptions(url_of(sock), codec=codec)
    chance = random.Random(1)
    async with (
        store,
        assemble(store, config, CLOCK, chance) as server,
        listen(server.app, sock),
        RestClient(options, CLOCK) as client,
        InformerFactory(client, CLOCK, chance) as informers,
        asyncio.TaskGroup() as group,
    ):
        recorder = EventRecorder(client, CLOCK, component="test")
        tasks = [group.create_task(recorder.run())]
        scheduler = Scheduler(client, informers, recorder, CLOCK, chance)
        tasks.append(group.create_task(scheduler.run()))
        for make in CONTROLLERS.values():
            queue = RateLimitedQueue[ObjectKey]()
            controller = make(Surroundings(client, informers, queue, recorder, CLOCK))
            tasks.append(group.create_task(Runner(controller, queue).run()))
        fleet = Fleet(
            client,
            informers,
            CLOCK,
            chance,
            options=FleetOptions(nodes=NODES, heartbeat_s=0.1),
            recorder=recorder,
        )
        ready = asyncio.Event()
        tasks.append(group.create_task(fleet.run(ready.set)))
        await ready.wait()
        pods = informers.informer(PODS, core.Pod)
        following = Following(pods.lister)
        pods.subscribe(following)
        yield client, following, recorder
        for task in tasks:
            task.cancel()


def rc(replicas: int) -> core.ReplicationController:
    return core.ReplicationController(
        metadata=ObjectMeta(namespace=KEY.namespace, name=KEY.name),
        spec=core.ReplicationControllerSpec(
            replicas=replicas,
            selector=LABELS,
            template=core.PodTemplateSpec(
                metadata=ObjectMeta(labels=LABELS),
                spec=core.PodSpec(
                    containers=[core.Container(name="c", image="i:1")],
                    terminationGracePeriodSeconds=1,
                ),
            ),
        ),
    )


async def scale(client: RestClient, replicas: int) -> None:
    found = await client.get(REPLICATION_CONTROLLERS, core.ReplicationController, KEY)
    found.spec.replicas = replicas
    found.metadata.resourceVersion = ""
    await client.update(REPLICATION_CONTROLLERS, found)


@pytest.mark.slow
@pytest.mark.parametrize("codec", sorted(CODECS))
def test_pods_go_from_the_controller_to_the_nodes_and_away_again(codec: str) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(110), plane(codec) as (client, following, recorder):
            await client.create(REPLICATION_CONTROLLERS, KEY.namespace, rc(9))
            pods = await following.until(
                lambda pods: len(pods) == 9 and all(pod.phase == "Running" for pod in pods)
            )

            by_node = sorted(
                sum(pod.spec.nodeName == f"hollow-node-{n}" for pod in pods) for n in range(NODES)
            )
            assert by_node == [3, 3, 3]
            assert len({pod.status.podIP for pod in pods}) == 9
            assert all(pod.metadata.ownerReferences[0].name == "web" for pod in pods)

            await scale(client, 4)
            await following.until(lambda pods: len(pods) == 4)
            await scale(client, 0)
            await following.until(lambda pods: not pods)
            await client.delete(REPLICATION_CONTROLLERS, KEY)
            await recorder.drain()

            events = await client.list_raw(EVENTS)
            reasons = [client.decode(core.Event, bare).reason for bare in events.items]
            for reason in ("SuccessfulCreate", "Scheduled", "Started", "Killing"):
                assert reasons.count(reason) == 9

    asyncio.run(scenario())
