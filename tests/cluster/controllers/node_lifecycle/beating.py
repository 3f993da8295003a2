"""The node lifecycle and taint eviction controllers, and nodes that beat by hand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ObjectKey
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.node_lifecycle.controller import LEASE_NAMESPACE, NodeLifecycleController
from cluster.controllers.runner import Controller, Runner, Surroundings
from cluster.controllers.taint_eviction import TaintEvictionController
from serialization.api.coordination.v1_pb2 import Lease
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta
from storage.virtual_time import VirtualClock, run_virtual

Taints = set[tuple[str, str]]

UNREACHABLE = "node.kubernetes.io/unreachable"


@dataclass
class Rig:
    """The fake API, and nodes that beat by hand."""

    api: FakeApi
    clock: VirtualClock
    said: list[tuple[str, str]] = field(default_factory=list)
    life: NodeLifecycleController = field(init=False)
    eviction: TaintEvictionController = field(init=False)

    def record(
        self, about: core.ObjectReference, reason: str, message: str, *, warning: bool = False
    ) -> None:
        self.said.append((about.name, reason))

    def add_node(self, name: str, zone: str = "", status: str = "True") -> None:
        labels = {"topology.kubernetes.io/zone": zone} if zone else {}
        node = core.Node(metadata=ObjectMeta(name=name, labels=labels))
        node.status.conditions.add(type="Ready", status=status)
        self.api.add(node)

    def add_pod(self, name: str, node: str, seconds: int | None = None) -> None:
        pod = core.Pod(metadata=ObjectMeta(namespace="ns", name=name))
        pod.spec.nodeName = node
        if seconds is not None:
            pod.spec.tolerations.add(operator="Exists", tolerationSeconds=seconds)
        pod.status.phase = "Running"
        pod.status.conditions.add(type="Ready", status="True")
        self.api.add(pod)

    def node(self, name: str) -> core.Node:
        return next(n for n in self.api.objects(core.Node) if n.metadata.name == name)

    def taints(self, name: str) -> Taints:
        return {(each.key, each.effect) for each in self.node(name).spec.taints}

    def ready(self, name: str) -> str:
        return next(c.status for c in self.node(name).status.conditions if c.type == "Ready")

    def emptied(self) -> list[str]:
        """Return the nodes that have been given the taint that drives pods away."""
        return [
            node.metadata.name
            for node in self.api.objects(core.Node)
            if any(each.effect == "NoExecute" for each in node.spec.taints)
        ]

    def going(self) -> list[str]:
        return [
            pod.metadata.name
            for pod in self.api.objects(core.Pod)
            if pod.metadata.HasField("deletionTimestamp")
        ]

    async def live(self, seconds: int, beating: Iterable[str] = ()) -> None:
        """Let time pass while these nodes beat every ten seconds."""
        for _ in range(seconds // 10):
            self.beat(*beating)
            await asyncio.sleep(10)

    def beat(self, *names: str, status: str = "True") -> None:
        now_s = int(self.clock.now().timestamp())
        for name in names:
            node = self.node(name)
            for condition in node.status.conditions:
                condition.status = status if condition.type == "Ready" else "False"
                condition.lastHeartbeatTime.seconds = now_s
            self.api.put(node)

    def renew(self, name: str) -> None:
        key = ObjectKey(LEASE_NAMESPACE, name)
        lease = Lease(metadata=ObjectMeta(namespace=key.namespace, name=name))
        lease.spec.renewTime.seconds = int(self.clock.now().timestamp())
        if any(each.metadata.name == name for each in self.api.objects(Lease)):
            self.api.put(lease)
        else:
            self.api.add(lease)


def run(scenario: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        async with rig() as at:
            await scenario(at)

    run_virtual(main())


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    clock = VirtualClock()
    api = FakeApi(clock)
    made = Rig(api, clock)
    async with (
        InformerFactory(api, clock, random.Random(0)) as informers,
        asyncio.TaskGroup() as group,
    ):
        queues = RateLimitedQueue[ObjectKey](), RateLimitedQueue[ObjectKey]()
        around = [Surroundings(api, informers, queue, made, clock) for queue in queues]
        made.life = NodeLifecycleController(around[0])
        made.eviction = TaintEvictionController(around[1])
        tasks = []
        controllers: tuple[Controller, ...] = (made.life, made.eviction)
        for controller, queue in zip(controllers, queues, strict=True):
            runner = Runner(controller, queue)
            tasks.append(group.create_task(runner.run()))
            await runner.wait_synced()
        yield made
        for task in tasks:
            task.cancel()
