"""Which pods a controller of replicas takes, leaves alone and lets go, for every kind."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from google.protobuf.message import Message

from cluster.client.failures import failure
from cluster.client.fake import Action, FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ApiError, ObjectKey
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.runner import Runner, Surroundings
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import (
    ObjectMeta,
    OwnerReference,
)
from storage.clock import SystemClock
from tests.cluster.controllers.replica_bench import (
    KEY,
    KINDS,
    LABELS,
    Bench,
    RunOn,
    Said,
    bench,
    rs_of,
    run_on_kind,
)
from tests.cluster.settling import rest, settle


@pytest.fixture(params=KINDS.values(), ids=list(KINDS))
def run_on(request: pytest.FixtureRequest) -> RunOn:
    return run_on_kind(request.param)


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


def test_controller_that_is_made_again_while_a_sync_waits_is_not_held_up(run_on: RunOn) -> None:
    """What the sync of the old one would make nobody awaits, and nobody owns."""

    async def scenario(at: Bench) -> None:
        lone = at.orphan("lone", app="db")
        lone.metadata.ownerReferences.append(
            OwnerReference(name=KEY.name, uid=at.owner.metadata.uid, controller=True)
        )
        at.api.put(lone)
        await rest()
        answer = at.api.patch

        async def patch_late(*args: Any, **options: Any) -> Message:
            at.api.remove(at.kind.resource, KEY)
            at.api.add(at.kind.make(2, 0))
            await rest()
            return await answer(*args, **options)

        at.api.patch = patch_late  # type: ignore[method-assign,assignment] # a request that is slow
        with suppress(ApiError):  # its status would be refused
            await at.controller.sync(KEY)
        await rest()
        await at.sync()

        assert {uid for pod in at.pods for uid in at.owners(pod.metadata.name)} == {
            at.owner.metadata.uid
        }
        assert len(at.pods) == 3

    run_on(2, scenario)
