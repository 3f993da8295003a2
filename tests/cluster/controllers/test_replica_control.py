"""Replica control on the fake API, for every kind: state, one or more syncs, recorded actions."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import pytest

from cluster.client.failures import failure
from cluster.client.fake import Action, FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ApiError, ObjectKey, TransportError
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.replica_set import ReplicaSetController
from cluster.controllers.replication import ReplicationController
from cluster.controllers.runner import Runner, Surroundings
from serialization.api.apps import v1_pb2 as apps
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import (
    LabelSelector,
    ObjectMeta,
    OwnerReference,
    StatusCause,
    Time,
)
from serialization.kinds import PODS, REPLICA_SETS, REPLICATION_CONTROLLERS
from serialization.scheme import Resource
from storage.clock import Clock, SystemClock
from storage.virtual_time import EPOCH, VirtualClock, run_virtual
from tests.cluster.settling import rest, settle

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
    """A controller beside its fake API; ``look`` waits until the caches are up to date."""

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


@pytest.fixture(params=KINDS.values(), ids=list(KINDS))
def run_on(request: pytest.FixtureRequest) -> RunOn:
    """Run a scenario for an object of each kind, in real or in virtual time."""
    kind: Kind = request.param

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


def test_missing_pods_are_created_from_the_template(run_on: RunOn) -> None:
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
        expected = (at.kind.resource.api_version, at.kind.resource.kind, at.owner.metadata.uid)
        assert (owner.apiVersion, owner.kind, owner.uid) == expected
        assert owner.controller
        assert owner.blockOwnerDeletion
        assert at.said == ["SuccessfulCreate"] * 3

    run_on(3, scenario)


def test_enough_pods_cause_no_write(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        await at.sync()
        before = len(at.api.acted())

        await at.sync()

        assert len(at.api.acted()) == before

    run_on(3, scenario)


def test_pods_not_seen_yet_are_not_created_twice(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        await rest()

        await at.controller.sync(KEY)
        with contextlib.suppress(ApiError):  # its status is stale, too
            await at.controller.sync(KEY)

        assert len(at.pods) == 3

    run_on(3, scenario)


def test_surplus_is_deleted_worst_first(run_on: RunOn) -> None:
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


def test_pods_on_their_way_out_are_replaced_and_not_deleted_again(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        pod = at.pods[0]
        make_ready(at.api, pod)
        await at.api.delete(PODS, ObjectKey("ns", pod.metadata.name))

        await at.sync()

        assert len(at.api.acted("create")) == 3
        assert len(at.pods) == 3  # the one going, the one left, the new one

    run_on(2, scenario)


def test_finished_pods_do_not_count(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        pod = at.pods[0]
        pod.status.phase = "Failed"
        at.api.put(pod)

        await at.sync()

        assert len(at.pods) == 3

    run_on(2, scenario)


def test_slow_start_stops_at_the_first_failure_and_counts_what_was_not_tried(run_on: RunOn) -> None:
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


def test_status_counts_replicas_ready_and_available(run_on: RunOn) -> None:
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


def test_matching_orphan_is_adopted_instead_of_created(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        lone = at.orphan("lone")
        lone.metadata.ownerReferences.append(OwnerReference(kind="Node", name="n", uid="n"))
        at.api.put(lone)
        at.orphan("other", app="db")
        finished = at.orphan("finished")
        finished.status.phase = "Succeeded"
        at.api.put(finished)

        await at.sync()
        await at.sync()

        assert at.api.acted("patch") == [Action("patch", "pods", ObjectKey("ns", "lone"))]
        assert len(at.api.acted("create")) == 1
        assert at.owners("lone") == [at.owner.metadata.uid, "n"]
        assert at.status.replicas == 2
        # What the live read was for: the owner is there, and it is this one.
        assert at.api.acted("get") == [Action("get", at.kind.resource.plural, KEY)]

    run_on(2, scenario)


def test_nothing_is_adopted_by_a_controller_that_is_no_longer_what_the_cache_says(
    run_on: RunOn,
) -> None:
    async def scenario(at: Bench) -> None:
        at.orphan("lone")
        await rest()
        at.api.remove(at.kind.resource, KEY)  # not told yet
        await at.controller.sync(KEY)
        at.api.add(at.kind.make(2, 0))
        await at.controller.sync(KEY)

        assert at.api.acted() == []

    run_on(2, scenario)


def test_controller_that_is_being_deleted_adopts_releases_and_makes_nothing(
    run_on: RunOn,
) -> None:
    async def scenario(at: Bench) -> None:
        at.orphan("lone")
        mine = at.orphan("mine", app="left")
        owner = at.owner
        reference = OwnerReference(uid=owner.metadata.uid, controller=True)
        mine.metadata.ownerReferences.append(reference)
        at.api.put(mine)
        owner.metadata.deletionTimestamp.seconds = 1
        owner.metadata.finalizers.append("foregroundDeletion")
        at.api.remove(at.kind.resource, KEY)
        again = at.api.add(owner)
        mine.metadata.ownerReferences[0].uid = again.metadata.uid
        at.api.put(mine)

        await at.sync()

        assert at.api.acted("patch", "create", "delete") == []

    run_on(3, scenario)


def test_pod_that_is_no_longer_selected_is_released_and_replaced(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        leaving = at.pods[0]
        leaving.metadata.labels["app"] = "debug"
        leaving.metadata.ownerReferences.append(OwnerReference(kind="Node", name="n", uid="n"))
        at.api.put(leaving)

        await at.sync()

        assert at.owners(leaving.metadata.name) == ["n"]
        assert len(at.api.acted("patch")) == 1
        assert len(at.api.acted("create")) == 3
        assert at.api.acted("delete") == []
        assert at.controller.ownership.released == 1

    run_on(2, scenario)


@pytest.mark.parametrize("code", [404, 422])
def test_pod_that_is_gone_or_another_needs_no_release(run_on: RunOn, code: int) -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        leaving = at.pods[0]
        leaving.metadata.labels["app"] = "debug"
        at.api.put(leaving)
        at.api.fail_next("patch", failure(code))

        await at.sync()

        assert len(at.pods) == 3

    run_on(2, scenario)


def test_refused_adoption_makes_nothing_and_is_tried_again(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        at.orphan("lone")
        at.api.fail_next("patch", failure(422, message="two controllers"))

        with pytest.raises(ApiError):
            await at.sync()
        made = len(at.api.acted("create"))
        await at.sync()

        assert (made, len(at.pods)) == (0, 2)

    run_on(2, scenario)


def test_released_pod_that_is_selected_again_is_adopted_again(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        runner = Runner(at.controller, at.queue)
        async with asyncio.TaskGroup() as group:
            working = group.create_task(runner.run())
            await settle(lambda: len(at.pods) == 2)
            leaving = at.pods[0].metadata.name
            for app, number in (("debug", 3), ("web", 2)):
                pod = next(each for each in at.pods if each.metadata.name == leaving)
                pod.metadata.labels["app"] = app
                at.api.put(pod)
                await settle(partial(at.has, number))
            runner.stop()
            await working

        assert at.controller.ownership.adopted == 1

    run_on(2, scenario)


def test_pod_of_another_controller_is_left_alone(run_on: RunOn) -> None:
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


def test_missing_controller_is_forgotten_and_its_pods_stay(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        await at.sync()
        at.api.remove(at.kind.resource, KEY)

        await at.sync()

        assert len(at.pods) == 2
        assert len(at.controller.expectations) == 0

    run_on(2, scenario)


def test_controller_made_again_does_not_wait_for_what_its_predecessor_expected(
    run_on: RunOn,
) -> None:
    async def scenario(at: Bench) -> None:
        at.controller.expectations.expect_creations(KEY, 2, SystemClock().stamp_ns())
        at.api.remove(at.kind.resource, KEY)
        at.api.add(at.kind.make(2, 0))  # before any sync has looked at the key
        await rest()

        await at.sync()

        assert len(at.pods) == 2

    run_on(2, scenario)


def test_runner_keeps_the_number_through_deletions_and_torn_watches(run_on: RunOn) -> None:
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


def test_failure_is_a_condition_until_a_sync_succeeds(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        at.api.fail_next("create", failure(500, message="no quota"))
        with pytest.raises(ApiError):
            await at.sync()
        (failed,) = at.status.conditions
        await at.sync()
        await at.sync()
        healed = list(at.status.conditions)
        at.scale(0)
        at.api.fail_next("delete", TransportError("torn"))
        with pytest.raises(TransportError):
            await at.sync()

        assert (failed.type, failed.status, failed.reason) == (
            "ReplicaFailure", "True", "FailedCreate",
        )  # fmt: skip
        assert "no quota" in failed.message
        assert failed.lastTransitionTime.seconds
        assert healed == []
        assert [each.reason for each in at.status.conditions] == ["FailedDelete"]
        assert (at.said[0], at.said[-1]) == ("FailedCreate", "SuccessfulDelete")
        assert "FailedDelete" in at.said

    run_on(2, scenario)


def test_namespace_that_ends_is_no_failure_and_costs_one_request(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        ending = failure(403, message="is being terminated")
        ending.status.details.causes.append(StatusCause(reason="NamespaceTerminating"))
        at.api.fail_next("create", ending)

        await at.sync()

        assert len(at.api.acted("create")) == 1
        assert at.said == []
        assert list(at.status.conditions) == []

    run_on(10, scenario)


def test_pod_becomes_available_when_its_time_has_come(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        runner = Runner(at.controller, at.queue)
        async with asyncio.TaskGroup() as group:
            working = group.create_task(runner.run())
            await asyncio.sleep(1.5)
            for pod, since_s in zip(at.pods, (0, 3), strict=True):
                make_ready(at.api, pod, since_s=int(EPOCH.timestamp()) + since_s)
            available = []
            for _ in range(8):
                await asyncio.sleep(2)
                available.append(at.status.availableReplicas)
            runner.stop()
            await working

        # The one is ready since 0 s, the other since 3 s; looked at from 3.5 s on, every 2 s.
        assert available == [0, 0, 0, 0, 1, 2, 2, 2]

    run_on(2, scenario, min_ready_s=10, virtual=True)


def test_lost_creation_is_looked_for_again_after_five_minutes(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        at.controller.expectations.expect_creations(KEY, 5, 0)
        runner = Runner(at.controller, at.queue)
        async with asyncio.TaskGroup() as group:
            working = group.create_task(runner.run())
            await asyncio.sleep(299)
            before = len(at.pods)
            await asyncio.sleep(3)
            runner.stop()
            await working

        assert (before, len(at.pods)) == (0, 2)

    run_on(2, scenario, virtual=True)


def test_surplus_beyond_the_burst_goes_in_several_syncs(run_on: RunOn) -> None:
    async def scenario(at: Bench) -> None:
        for number in range(520):
            at.orphan(f"p{number}")
        await at.sync()
        adopted = at.controller.ownership.adopted
        at.scale(0)
        await at.sync()
        left = len(at.pods)
        await at.sync()

        assert (adopted, left, len(at.pods)) == (520, 20, 0)

    run_on(520, scenario)


def test_replica_set_tells_of_pods_on_their_way_out() -> None:
    async def scenario() -> None:
        async with bench(KINDS["rs"], rs_of(2), SystemClock()) as at:
            await at.sync()
            make_ready(at.api, at.pods[0])
            await at.api.delete(PODS, ObjectKey("ns", at.pods[0].metadata.name))
            await at.sync()
            status = at.status

            assert isinstance(status, apps.ReplicaSetStatus)
            assert (status.replicas, status.terminatingReplicas) == (1, 1)

    asyncio.run(scenario())


def test_replica_set_selects_by_expressions() -> None:
    async def scenario() -> None:
        made = rs_of(3)
        made.spec.selector.Clear()
        requirement = made.spec.selector.matchExpressions.add()
        requirement.key, requirement.operator = "app", "In"
        requirement.values.extend(["web", "old"])
        async with bench(KINDS["rs"], made, SystemClock()) as at:
            for app in ("web", "old", "db"):
                at.orphan(app, app=app)
            await at.sync()

            assert at.controller.ownership.adopted == 2
            assert len(at.pods) == 4

    asyncio.run(scenario())


def test_kinds_share_one_cache_of_pods_and_leave_each_other_s_pods_alone() -> None:
    async def scenario() -> None:
        api, clock = FakeApi(), SystemClock()
        async with InformerFactory(api, clock, random.Random(0)) as informers:
            made = []
            for kind in KINDS.values():
                queue = RateLimitedQueue[ObjectKey]()
                around = Surroundings(api, informers, queue, Said([]), clock)
                made.append(Runner(kind.controller(around), queue))
                api.add(kind.make(3, 0))
            async with asyncio.TaskGroup() as group:
                for runner in made:
                    group.create_task(runner.run())
                await settle(lambda: len(api.objects(core.Pod)) == 6)
                await rest()
                for runner in made:
                    runner.stop()
            assert len(informers) == 3

        kinds = [pod.metadata.ownerReferences[0].kind for pod in api.objects(core.Pod)]
        assert sorted(kinds) == ["ReplicaSet"] * 3 + ["ReplicationController"] * 3
        assert api.acted("patch", "delete") == []

    asyncio.run(scenario())
