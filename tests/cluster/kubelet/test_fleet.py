"""Hollow nodes on the fake API: they register, beat, start and remove pods."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ApiError, ObjectKey
from cluster.kubelet.fleet import Fleet, FleetOptions
from cluster.kubelet.latency import Latency
from cluster.kubelet.stages import Latencies
from serialization.api.coordination.v1_pb2 import Lease
from serialization.api.core.v1_pb2 import Binding, Container, Node, ObjectReference, Pod, PodSpec
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import LEASES, PODS
from storage.clock import SystemClock
from tests.cluster.settling import rest, settle

KEY = ObjectKey("ns", "p")


@asynccontextmanager
async def running(api: FakeApi, options: FleetOptions) -> AsyncIterator[Fleet]:
    clock, chance = SystemClock(), random.Random(0)
    async with InformerFactory(api, clock, chance) as informers:
        fleet = Fleet(api, informers, clock, chance, options=options, recorder=None)
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            work = group.create_task(fleet.run(ready.set))
            await ready.wait()
            yield fleet
            work.cancel()


def run_on(
    api: FakeApi, options: FleetOptions, scenario: Callable[[Fleet], Awaitable[None]]
) -> None:
    async def main() -> None:
        async with running(api, options) as fleet:
            await scenario(fleet)

    asyncio.run(main())


QUIET = FleetOptions(nodes=2, heartbeat_s=0)


async def bound_pod(api: FakeApi, node: str) -> None:
    api.add(
        Pod(
            metadata=ObjectMeta(namespace=KEY.namespace, name=KEY.name),
            spec=PodSpec(containers=[Container(name="c", image="i:1")]),
        )
    )
    await api.bind(
        KEY.namespace,
        Binding(metadata=ObjectMeta(name=KEY.name), target=ObjectReference(name=node)),
    )


def phase(api: FakeApi) -> str:
    return api.objects(Pod)[0].status.phase


def test_nodes_register_before_the_fleet_is_ready() -> None:
    api = FakeApi()

    async def scenario(fleet: Fleet) -> None:
        names = [node.metadata.name for node in api.objects(Node)]
        assert names == ["x-5", "x-6", "x-7"]
        assert fleet.registered == 3
        assert all(node.status.conditions for node in api.objects(Node))
        await settle(lambda: api.open_watches == 6)

    run_on(api, FleetOptions(nodes=3, first_node=5, name_prefix="x-", heartbeat_s=0), scenario)


def test_node_watch_can_be_switched_off() -> None:
    api = FakeApi()

    async def scenario(fleet: Fleet) -> None:
        await rest()
        assert api.open_watches == 2

    run_on(api, FleetOptions(nodes=2, heartbeat_s=0, node_watch=False), scenario)


def test_registration_takes_over_a_node_that_is_there_and_survives_failures() -> None:
    api = FakeApi()
    api.add(Node(metadata=ObjectMeta(name="hollow-node-0")))

    async def scenario(fleet: Fleet) -> None:
        first, second = api.objects(Node)
        assert first.status.allocatable["pods"].string == "110"
        assert second.status.conditions

    run_on(api, QUIET, scenario)


def test_bound_pod_is_reported_running_by_get_and_put() -> None:
    api = FakeApi()

    async def scenario(fleet: Fleet) -> None:
        await bound_pod(api, "hollow-node-1")
        await settle(lambda: phase(api) == "Running")

        verbs = [a.verb for a in api.acted("get", "update_status") if a.resource == "pods"]
        assert verbs == ["get", "update_status"]
        assert api.objects(Pod)[0].status.podIP == "10.0.1.1"
        assert fleet.pods.counts.started == 1

    run_on(api, QUIET, scenario)


def test_report_is_stamped_before_the_answer_and_only_when_asked(tmp_path: Path) -> None:
    api = FakeApi()
    file = tmp_path / "stamps.csv"

    async def scenario(fleet: Fleet) -> None:
        before_ns = SystemClock().stamp_ns()
        await bound_pod(api, "hollow-node-1")
        await settle(lambda: phase(api) == "Running")

        assert fleet.stamps is not None
        fleet.stamps.write(file)
        _heading, line = file.read_text(encoding="ascii").splitlines()
        uid, stamp_ns = line.split(",")
        assert uid == api.objects(Pod)[0].metadata.uid
        assert before_ns < int(stamp_ns) < SystemClock().stamp_ns()

    async def unasked(fleet: Fleet) -> None:
        assert fleet.stamps is None

    run_on(api, FleetOptions(nodes=2, heartbeat_s=0, stamps_max=9), scenario)
    run_on(FakeApi(), QUIET, unasked)


def test_stale_status_is_read_again_and_written() -> None:
    api = FakeApi()

    async def scenario(fleet: Fleet) -> None:
        api.fail_next("update_status", failure(409, message="stale"), times=2)
        await bound_pod(api, "hollow-node-0")
        await settle(lambda: phase(api) == "Running")

        assert fleet.pods.writer.counts.conflicts == 2
        assert fleet.pods.writer.counts.gets == 3

    run_on(api, QUIET, scenario)


def test_deleted_pod_is_removed_with_its_uid_and_no_grace() -> None:
    api = FakeApi()

    async def scenario(fleet: Fleet) -> None:
        await bound_pod(api, "hollow-node-0")
        await settle(lambda: phase(api) == "Running")

        await api.delete(PODS, KEY)
        await settle(lambda: not api.objects(Pod))
        await settle(lambda: fleet.nodes[0].pods == 0)

        assert fleet.pods.counts.removed == 1

    run_on(api, QUIET, scenario)


def test_deletion_that_the_server_could_not_carry_out_is_tried_again() -> None:
    api = FakeApi()

    async def scenario(fleet: Fleet) -> None:
        await bound_pod(api, "hollow-node-0")
        await settle(lambda: phase(api) == "Running")

        await api.delete(PODS, KEY)
        api.fail_next("delete", failure(409, message="the object keeps being modified"))
        await settle(lambda: not api.objects(Pod))

        assert fleet.pods.counts.deletes == 2
        assert fleet.pods.counts.removed == 1

    run_on(api, QUIET, scenario)


def test_pod_waits_for_its_start_latency() -> None:
    api = FakeApi()
    slow = FleetOptions(
        nodes=1, heartbeat_s=0, latencies=Latencies(start=Latency(3_600_000, 3_600_000))
    )

    async def scenario(fleet: Fleet) -> None:
        await bound_pod(api, "hollow-node-0")
        await settle(lambda: fleet.pod_queue.delayed == 1)

        assert phase(api) == ""
        due = fleet.nodes[0].due(KEY)
        assert due is not None
        await api.delete(PODS, KEY)  # overtakes the start
        await settle(lambda: not api.objects(Pod))

    run_on(api, slow, scenario)


def test_running_pods_rest_when_the_process_starts_again() -> None:
    api = FakeApi()

    async def first(fleet: Fleet) -> None:
        await bound_pod(api, "hollow-node-0")
        await settle(lambda: phase(api) == "Running")

    async def second(fleet: Fleet) -> None:
        await settle(lambda: fleet.nodes[0].pods == 1)
        await rest()
        assert fleet.pods.writer.counts.gets == 0
        assert fleet.nodes[0].addresses.take("another") == "10.0.0.2"

    run_on(api, QUIET, first)
    run_on(api, QUIET, second)


def test_heartbeats_are_released_when_due_and_missed_ones_are_counted() -> None:
    api = FakeApi()

    async def scenario(fleet: Fleet) -> None:
        beats, queue = fleet.heartbeats, fleet.heartbeat_queue
        now_ns = SystemClock().stamp_ns()
        hour_ns = 3600 * 10**9

        first = beats.release(now_ns + hour_ns)
        assert first is not None
        await settle(lambda: beats.counts.beats == 2)
        queue.shut_down()
        beats.release(now_ns + 2 * hour_ns)
        beats.release(now_ns + 3 * hour_ns)

        writes = [a for a in api.acted("update_status") if a.resource == "nodes"]
        assert len(writes) == 2
        assert beats.counts.missed == 2

    run_on(api, FleetOptions(nodes=2, heartbeat_s=3600), scenario)


def test_leases_are_renewed_without_a_get_and_the_status_now_and_then() -> None:
    api = FakeApi()

    async def scenario(fleet: Fleet) -> None:
        beats = fleet.heartbeats
        now_ns = SystemClock().stamp_ns()
        for hour in range(1, 7):
            beats.release(now_ns + hour * 3600 * 10**9)
            await settle(lambda: len(fleet.heartbeat_queue) == 0 and beats.counts.beats % 2 == 0)
            await rest()

        leases = api.objects(Lease)
        assert [lease.metadata.name for lease in leases] == ["hollow-node-0", "hollow-node-1"]
        assert leases[0].spec.holderIdentity == "hollow-node-0"
        assert leases[0].metadata.ownerReferences[0].uid == fleet.nodes[0].uid
        assert beats.counts.status_puts == 4  # of 12 beats, every third
        assert beats.leases.renewals == 8
        assert [a.resource for a in api.acted("get")] == ["nodes"] * 4

    run_on(api, FleetOptions(nodes=2, heartbeat_s=3600, status_beats=3), scenario)


def test_lease_that_was_lost_is_made_again() -> None:
    api = FakeApi()

    async def scenario(fleet: Fleet) -> None:
        leases, node = fleet.heartbeats.leases, fleet.nodes[0]
        await leases.renew(node)
        api.remove(LEASES, ObjectKey("kube-node-lease", node.name))

        with pytest.raises(ApiError):
            await leases.renew(node)
        await leases.renew(node)

        assert len(api.objects(Lease)) == 1

    run_on(api, QUIET, scenario)
