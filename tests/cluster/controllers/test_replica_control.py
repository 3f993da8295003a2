"""Replica control on the fake API, for every kind: state, one or more syncs, recorded actions."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from cluster.client.failures import failure
from cluster.client.interface import ApiError, ObjectKey, TransportError
from cluster.controllers.runner import Runner
from serialization.api.apps import v1_pb2 as apps
from serialization.api.meta.v1_pb2 import (
    StatusCause,
)
from serialization.kinds import PODS
from storage.clock import SystemClock
from storage.virtual_time import EPOCH
from tests.cluster.controllers.replica_bench import (
    KEY,
    KINDS,
    TEMPLATE_LABELS,
    Bench,
    RunOn,
    bench,
    make_ready,
    rs_of,
    run_on_kind,
)
from tests.cluster.settling import rest, settle


@pytest.fixture(params=KINDS.values(), ids=list(KINDS))
def run_on(request: pytest.FixtureRequest) -> RunOn:
    return run_on_kind(request.param)


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
