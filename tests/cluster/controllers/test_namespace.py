"""The namespace controller on the fake API, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cluster.client.events import SilentRecorder
from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ObjectKey
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.namespace import SETTLING_S, NamespaceController
from cluster.controllers.runner import Runner, Surroundings
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import (
    CONFIG_MAPS,
    EVENTS,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    REPLICATION_CONTROLLERS,
)
from storage.virtual_time import VirtualClock, run_virtual

SERVED = (PODS, NODES, NAMESPACES, REPLICATION_CONTROLLERS, CONFIG_MAPS, EVENTS, LEASES)
GOING = ObjectKey("", "going")


@dataclass
class Rig:
    """The fake API and the controller that works on it."""

    api: FakeApi

    def namespaces(self) -> list[str]:
        return [each.metadata.name for each in self.api.objects(core.Namespace)]

    def conditions(self) -> dict[str, tuple[str, str, str]]:
        (namespace,) = (
            each for each in self.api.objects(core.Namespace) if each.metadata.name == GOING.name
        )
        return {each.type: (each.status, each.reason, each.message) for each in _told(namespace)}

    def fill(self, namespace: str) -> None:
        meta = ObjectMeta(namespace=namespace, name="a")
        self.api.add(core.ConfigMap(metadata=meta))
        self.api.add(core.ReplicationController(metadata=meta))
        self.api.add(core.Event(metadata=meta))
        self.api.add(core.Pod(metadata=meta))


def _told(namespace: core.Namespace) -> list[core.NamespaceCondition]:
    return list(namespace.status.conditions)


def run(scenario: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = VirtualClock()
        api = FakeApi(clock)
        api.served = SERVED
        for name in ("going", "kept"):
            meta = ObjectMeta(name=name)
            spec = core.NamespaceSpec(finalizers=["kubernetes"])
            api.add(core.Namespace(metadata=meta, spec=spec))
        async with InformerFactory(api, clock, random.Random(0)) as informers:
            queue = RateLimitedQueue[ObjectKey]()
            around = Surroundings(api, informers, queue, SilentRecorder(), clock)
            runner = Runner(NamespaceController(around), queue)
            async with asyncio.TaskGroup() as group:
                working = group.create_task(runner.run())
                await runner.wait_synced()
                await scenario(Rig(api))
                working.cancel()

    run_virtual(main())


def test_deleted_namespace_is_emptied_and_goes_after_it_has_settled() -> None:
    async def scenario(at: Rig) -> None:
        at.fill("going")
        at.fill("kept")

        await at.api.delete(NAMESPACES, GOING)
        await asyncio.sleep(SETTLING_S - 1)
        before = len(at.api.acted("delete_collection"))
        await asyncio.sleep(2)

        assert before == 0
        assert at.namespaces() == ["kept"]
        assert [each.metadata.namespace for each in at.api.objects(core.Pod)] == ["kept"]
        assert [each.metadata.namespace for each in at.api.objects(core.Event)] == ["kept"]
        deleted = [action.resource for action in at.api.acted("delete_collection")]
        assert deleted[0] == "pods"
        assert sorted(deleted) == ["configmaps", "events", "pods", "replicationcontrollers"]

    run(scenario)


def test_pods_in_grace_are_waited_for_before_anything_else_goes() -> None:
    async def scenario(at: Rig) -> None:
        at.fill("going")
        bound = core.Pod(
            metadata=ObjectMeta(namespace="going", name="bound"),
            spec=core.PodSpec(nodeName="n", terminationGracePeriodSeconds=30),
        )
        at.api.add(bound)

        await at.api.delete(NAMESPACES, GOING)
        await asyncio.sleep(SETTLING_S + 1)
        told = at.conditions()
        maps = len(at.api.objects(core.ConfigMap))
        at.api.remove(PODS, ObjectKey("going", "bound"))
        await asyncio.sleep(20)

        assert told["NamespaceContentRemaining"] == (
            "True",
            "SomeResourcesRemain",
            "Some resources are remaining: pods. has 1 resource instances",
        )
        assert told["NamespaceDeletionContentFailure"][:2] == ("False", "ContentDeleted")
        assert maps == 1
        assert at.namespaces() == ["kept"]

    run(scenario)


def test_finalizers_of_content_are_told_and_waited_for() -> None:
    async def scenario(at: Rig) -> None:
        held = core.ConfigMap(
            metadata=ObjectMeta(namespace="going", name="held", finalizers=["example.com/f"])
        )
        at.api.add(held)

        await at.api.delete(NAMESPACES, GOING)
        await asyncio.sleep(SETTLING_S + 30)
        told = at.conditions()
        at.api.remove(CONFIG_MAPS, ObjectKey("going", "held"))
        await asyncio.sleep(20)

        assert told["NamespaceFinalizersRemaining"] == (
            "True",
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: "
            "example.com/f in 1 resource instances",
        )
        assert at.namespaces() == ["kept"]

    run(scenario)


def test_failure_is_told_and_tried_again() -> None:
    async def scenario(at: Rig) -> None:
        at.fill("going")
        at.api.fail_next("delete_collection", failure(403, message="no"), times=8)

        await at.api.delete(NAMESPACES, GOING)
        await asyncio.sleep(SETTLING_S + 0.1)
        told = at.conditions()
        await asyncio.sleep(20)

        assert told["NamespaceDeletionContentFailure"][:2] == ("True", "ContentDeletionFailed")
        assert "pods: 403 Forbidden: no" in told["NamespaceDeletionContentFailure"][2]
        assert at.namespaces() == ["kept"]

    run(scenario)


def test_other_finalizers_of_the_namespace_stay() -> None:
    async def scenario(at: Rig) -> None:
        going = await at.api.get(NAMESPACES, core.Namespace, GOING)
        going.spec.finalizers.append("example.com/ns")
        at.api.put(going)

        await at.api.delete(NAMESPACES, GOING)
        await asyncio.sleep(SETTLING_S + 60)

        going = await at.api.get(NAMESPACES, core.Namespace, GOING)
        assert list(going.spec.finalizers) == ["example.com/ns"]
        assert len(at.api.acted("update_subresource")) == 1

    run(scenario)


def test_namespace_made_again_under_its_name_is_left_alone() -> None:
    async def scenario(at: Rig) -> None:
        await at.api.delete(NAMESPACES, GOING)
        at.api.remove(NAMESPACES, GOING)
        at.api.add(core.Namespace(metadata=ObjectMeta(name="going")))
        at.fill("going")
        await asyncio.sleep(SETTLING_S + 60)

        assert "going" in at.namespaces()
        assert len(at.api.objects(core.ConfigMap)) == 1

    run(scenario)
