"""The replication controller on the fake API: state, one or more syncs, recorded actions."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from cluster.client.failures import failure
from cluster.client.fake import Action, FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ApiError, ObjectKey
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.replication import ReplicationController
from cluster.controllers.runner import Runner, Surroundings
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta, OwnerReference, Time
from serialization.kinds import PODS, REPLICATION_CONTROLLERS
from storage.clock import SystemClock
from tests.cluster.settling import rest, settle

KEY = ObjectKey("ns", "web")
LABELS = {"app": "web"}
TEMPLATE_LABELS = {"app": "web", "tier": "front"}


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
    """A controller beside its fake API; ``look`` waits until the caches are up to date."""

    api: FakeApi
    controller: ReplicationController
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
    def status(self) -> core.ReplicationControllerStatus:
        return self.api.objects(core.ReplicationController)[0].status

    def scale(self, replicas: int) -> None:
        rc = self.api.objects(core.ReplicationController)[0]
        rc.spec.replicas = replicas
        self.api.put(rc)


def rc_of(replicas: int, *, min_ready_s: int = 0) -> core.ReplicationController:
    return core.ReplicationController(
        metadata=ObjectMeta(namespace=KEY.namespace, name=KEY.name),
        spec=core.ReplicationControllerSpec(
            replicas=replicas,
            minReadySeconds=min_ready_s,
            selector=LABELS,
            template=core.PodTemplateSpec(
                metadata=ObjectMeta(labels=TEMPLATE_LABELS, annotations={"note": "1"}),
                spec=core.PodSpec(containers=[core.Container(name="c", image="i")]),
            ),
        ),
    )


def run_on(
    replicas: int, scenario: Callable[[Bench], Awaitable[None]], *, min_ready_s: int = 0
) -> None:
    async def main() -> None:
        async with bench(rc_of(replicas, min_ready_s=min_ready_s)) as made:
            await scenario(made)

    asyncio.run(main())


@asynccontextmanager
async def bench(controller: core.ReplicationController) -> AsyncIterator[Bench]:
    api, clock, said = FakeApi(), SystemClock(), list[str]()
    api.add(controller)
    async with InformerFactory(api, clock, random.Random(0)) as informers:
        queue = RateLimitedQueue[ObjectKey]()
        around = Surroundings(api, informers, queue, Said(said), clock)
        made = ReplicationController(around)
        for informer in made.informers:
            await informer.wait_synced()
        yield Bench(api, made, queue, said, informers)


def make_ready(api: FakeApi, pod: core.Pod, since_s: int = 1) -> None:
    pod.spec.nodeName = "n"
    pod.status.phase = "Running"
    del pod.status.conditions[:]
    pod.status.conditions.append(
        core.PodCondition(type="Ready", status="True", lastTransitionTime=Time(seconds=since_s))
    )
    api.put(pod)


def test_missing_pods_are_created_from_the_template() -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()

        pods = at.pods
        assert len(pods) == 3
        pod = pods[0]
        assert pod.metadata.generateName == "web-"
        assert dict(pod.metadata.labels) == TEMPLATE_LABELS
        assert dict(pod.metadata.annotations) == {"note": "1"}
        assert pod.spec.containers[0].image == "i"
        owner = pod.metadata.ownerReferences[0]
        uid = at.api.objects(core.ReplicationController)[0].metadata.uid
        assert (owner.kind, owner.name, owner.uid) == ("ReplicationController", "web", uid)
        assert owner.controller
        assert owner.blockOwnerDeletion
        assert at.said == ["SuccessfulCreate"] * 3

    run_on(3, scenario)


def test_enough_pods_cause_no_write() -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        await at.sync()
        before = len(at.api.acted())

        await at.sync()

        assert len(at.api.acted()) == before

    run_on(3, scenario)


def test_pods_not_seen_yet_are_not_created_twice() -> None:
    async def scenario(at: Bench) -> None:
        await rest()

        await at.controller.sync(KEY)
        with contextlib.suppress(ApiError):  # its status is stale, too
            await at.controller.sync(KEY)

        assert len(at.pods) == 3

    run_on(3, scenario)


def test_surplus_is_deleted_worst_first() -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        first, second, third = at.pods
        make_ready(at.api, first, since_s=100)
        make_ready(at.api, third, since_s=200)
        at.scale(1)

        await at.sync()

        doomed = {a.key.name for a in at.api.acted("delete")}
        assert doomed == {second.metadata.name, third.metadata.name}
        assert at.said.count("SuccessfulDelete") == 2

    run_on(3, scenario)


def test_pods_on_their_way_out_are_replaced_and_not_deleted_again() -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        pod = at.pods[0]
        make_ready(at.api, pod)
        await at.api.delete(PODS, ObjectKey("ns", pod.metadata.name))

        await at.sync()

        assert len(at.api.acted("create")) == 3
        assert len(at.pods) == 3  # the one going, the one left, the new one

    run_on(2, scenario)


def test_finished_pods_do_not_count() -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        pod = at.pods[0]
        pod.status.phase = "Failed"
        at.api.put(pod)

        await at.sync()

        assert len(at.pods) == 3

    run_on(2, scenario)


def test_slow_start_stops_at_the_first_failure_and_counts_what_was_not_tried() -> None:
    async def scenario(at: Bench) -> None:
        await rest()
        at.api.fail_next("create", failure(500, message="no"), times=1)

        with pytest.raises(ApiError):
            await at.controller.sync(KEY)
        tried = len(at.api.acted("create"))
        await at.sync()

        assert tried == 1
        assert at.said[0] == "FailedCreate"
        assert len(at.pods) == 10

    run_on(10, scenario)


def test_status_counts_replicas_ready_and_available() -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        now_s = int(SystemClock().now().timestamp())
        make_ready(at.api, at.pods[0], since_s=now_s - 1000)
        make_ready(at.api, at.pods[1], since_s=now_s)
        relabeled = at.pods[2]
        relabeled.metadata.labels["tier"] = "other"
        at.api.put(relabeled)

        await at.sync()

        status = at.status
        counts = (status.replicas, status.readyReplicas, status.availableReplicas)
        assert counts == (3, 2, 1)
        assert status.fullyLabeledReplicas == 2
        assert status.observedGeneration == 1

    run_on(3, scenario, min_ready_s=60)


def test_matching_orphan_is_adopted_instead_of_created() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(core.Pod(metadata=ObjectMeta(namespace="ns", name="lone", labels=LABELS)))
        at.api.add(core.Pod(metadata=ObjectMeta(namespace="ns", name="other")))

        await at.sync()
        await at.sync()

        assert len(at.api.acted("create")) == 1
        assert at.api.acted("patch") == [Action("patch", "pods", ObjectKey("ns", "lone"))]

    run_on(2, scenario)


def test_pod_of_another_controller_is_left_alone() -> None:
    async def scenario(at: Bench) -> None:
        owner = OwnerReference(kind="ReplicaSet", name="x", uid="u", controller=True)
        at.api.add(
            core.Pod(
                metadata=ObjectMeta(
                    namespace="ns", name="taken", labels=LABELS, ownerReferences=[owner]
                )
            )
        )

        await at.sync()

        assert len(at.api.acted("create")) == 1
        assert not at.api.acted("patch")

    run_on(1, scenario)


def test_missing_controller_is_forgotten_and_its_pods_stay() -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        at.api.remove(REPLICATION_CONTROLLERS, KEY)

        await at.sync()

        assert len(at.pods) == 2
        assert len(at.controller.expectations) == 0

    run_on(2, scenario)


def test_controller_made_again_does_not_wait_for_what_its_predecessor_expected() -> None:
    async def scenario(at: Bench) -> None:
        at.controller.expectations.expect_creations(KEY, 2, SystemClock().stamp_ns())
        at.api.remove(REPLICATION_CONTROLLERS, KEY)
        at.api.add(rc_of(2))  # before any sync has looked at the key
        await rest()

        await at.sync()

        assert len(at.pods) == 2

    run_on(2, scenario)


def test_runner_keeps_the_number_through_deletions_and_torn_watches() -> None:
    async def scenario(at: Bench) -> None:
        runner = Runner(at.controller, at.queue)
        async with asyncio.TaskGroup() as group:
            working = group.create_task(runner.run())
            await settle(lambda: len(at.pods) == 5)
            for pod in at.pods[:3]:
                at.api.remove(PODS, ObjectKey("ns", pod.metadata.name))
            await settle(lambda: len(at.pods) == 5)
            await settle(lambda: at.status.replicas == 5)
            at.scale(2)
            await settle(lambda: len(at.pods) == 2)
            await settle(lambda: at.status.replicas == 2)
            runner.stop()
            await working

        assert len(at.api.acted("create")) == 8
        assert len(at.api.acted("delete")) == 3

    run_on(5, scenario)
