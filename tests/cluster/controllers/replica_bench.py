"""A controller of replicas beside its fake API, for every kind that keeps replicas."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ObjectKey
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.replica_set import ReplicaSetController
from cluster.controllers.replication import ReplicationController
from cluster.controllers.runner import Surroundings
from serialization.api.apps import v1_pb2 as apps
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import (
    LabelSelector,
    ObjectMeta,
    Time,
)
from serialization.kinds import REPLICA_SETS, REPLICATION_CONTROLLERS
from serialization.scheme import Resource
from storage.clock import Clock, SystemClock
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.settling import rest

KEY = ObjectKey("ns", "web")
LABELS = {"app": "web"}
TEMPLATE_LABELS = {"app": "web", "tier": "front"}

Object = core.ReplicationController | apps.ReplicaSet


class Kind(NamedTuple):
    """A kind that keeps replicas."""

    controller: type[ReplicationController | ReplicaSetController]
    resource: Resource
    message: type[Object]
    make: Callable[[int, int], Object]


def _template() -> core.PodTemplateSpec:
    return core.PodTemplateSpec(
        metadata=ObjectMeta(labels=TEMPLATE_LABELS, annotations={"note": "1"}),
        spec=core.PodSpec(containers=[core.Container(name="c", image="i")]),
    )


def rc_of(replicas: int, min_ready_s: int = 0) -> core.ReplicationController:
    return core.ReplicationController(
        metadata=ObjectMeta(namespace=KEY.namespace, name=KEY.name),
        spec=core.ReplicationControllerSpec(
            replicas=replicas,
            minReadySeconds=min_ready_s,
            selector=LABELS,
            template=_template(),
        ),
    )


def rs_of(replicas: int, min_ready_s: int = 0) -> apps.ReplicaSet:
    return apps.ReplicaSet(
        metadata=ObjectMeta(namespace=KEY.namespace, name=KEY.name),
        spec=apps.ReplicaSetSpec(
            replicas=replicas,
            minReadySeconds=min_ready_s,
            selector=LabelSelector(matchLabels=LABELS),
            template=_template(),
        ),
    )


KINDS = {
    "rc": Kind(ReplicationController, REPLICATION_CONTROLLERS, core.ReplicationController, rc_of),
    "rs": Kind(ReplicaSetController, REPLICA_SETS, apps.ReplicaSet, rs_of),
}


@dataclass
class Said:
    """A recorder that remembers reasons."""

    reasons: list[str]

    def record(
        self, about: core.ObjectReference, reason: str, message: str, *, warning: bool = False
    ) -> None:
        self.reasons.append(reason)


@dataclass
class Bench:
    """A controller beside its fake API; ``sync`` lets the caches catch up before and after."""

    kind: Kind
    api: FakeApi
    controller: ReplicationController | ReplicaSetController
    queue: RateLimitedQueue[ObjectKey]
    said: list[str]
    informers: InformerFactory

    async def sync(self) -> None:
        await rest()
        await self.controller.sync(KEY)
        await rest()

    @property
    def pods(self) -> list[core.Pod]:
        return self.api.objects(core.Pod)

    @property
    def owner(self) -> Object:
        return self.api.objects(self.kind.message)[0]

    @property
    def status(self) -> core.ReplicationControllerStatus | apps.ReplicaSetStatus:
        return self.owner.status

    def scale(self, replicas: int) -> None:
        owner = self.owner
        owner.spec.replicas = replicas
        self.api.put(owner)

    def orphan(self, name: str, **labels: str) -> core.Pod:
        metadata = ObjectMeta(namespace="ns", name=name, labels=labels or LABELS)
        return self.api.add(core.Pod(metadata=metadata))

    def has(self, pods: int) -> bool:
        return len(self.pods) == pods

    def owners(self, name: str) -> list[str]:
        pod = next(each for each in self.pods if each.metadata.name == name)
        return [each.uid for each in pod.metadata.ownerReferences]


Scenario = Callable[[Bench], Awaitable[None]]
RunOn = Callable[..., None]


def run_on_kind(kind: Kind) -> RunOn:
    """Return what runs a scenario for an object of a kind, in real or in virtual time."""

    def run(
        replicas: int, scenario: Scenario, *, min_ready_s: int = 0, virtual: bool = False
    ) -> None:
        async def main() -> None:
            clock = VirtualClock() if virtual else SystemClock()
            async with bench(kind, kind.make(replicas, min_ready_s), clock) as made:
                await scenario(made)

        (run_virtual if virtual else asyncio.run)(main())

    return run


@asynccontextmanager
async def bench(kind: Kind, owner: Object, clock: Clock) -> AsyncIterator[Bench]:
    api, said = FakeApi(clock), list[str]()
    api.add(owner)
    async with InformerFactory(api, clock, random.Random(0)) as informers:
        queue = RateLimitedQueue[ObjectKey]()
        around = Surroundings(api, informers, queue, Said(said), clock)
        made = kind.controller(around)
        for informer in made.informers:
            await informer.wait_synced()
        yield Bench(kind, api, made, queue, said, informers)


def make_ready(api: FakeApi, pod: core.Pod, since_s: int = 1) -> None:
    pod.spec.nodeName = "n"
    pod.status.phase = "Running"
    del pod.status.conditions[:]
    pod.status.conditions.append(
        core.PodCondition(type="Ready", status="True", lastTransitionTime=Time(seconds=since_s))
    )
    api.put(pod)
