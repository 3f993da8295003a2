"""Pods with a life of their own, on the fake API: statuses, Events, deletion, other writers."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from cluster.kubelet.fleet import Fleet
from cluster.kubelet.status_writer import Writes
from serialization.api.core.v1_pb2 import Event, Node, Pod
from serialization.kinds import NODES
from tests.cluster.kubelet.fleets import KEY, NODE, QUIET, bound, pod_named, reasons, the_pod
from tests.cluster.kubelet.playing import play


def ready_of(pod: Pod) -> str:
    (found,) = (c.status for c in pod.status.conditions if c.type == "Ready")
    return found


@pytest.mark.parametrize("writes", [Writes.PUT, Writes.PATCH])
def test_crash_loop_is_told_by_either_kind_of_write(writes: Writes) -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named(crash_after="5s"))
        await asyncio.sleep(60)

        pod = the_pod(api)
        (status,) = pod.status.containerStatuses
        assert status.state.waiting.reason == "CrashLoopBackOff"
        assert (pod.status.phase, status.restartCount, ready_of(pod)) == ("Running", 3, "False")
        assert [c.type for c in pod.status.conditions] == [
            "PodReadyToStartContainers",
            "Initialized",
            "Ready",
            "ContainersReady",
            "PodScheduled",
        ]
        counts, puts = fleet.pods.writer.counts, fleet.pods.writer.counts.status_puts
        assert (puts == 0, counts.status_patches == 0) == (
            writes is Writes.PATCH,
            writes is Writes.PUT,
        )
        assert fleet.pods.counts.restarts == 3
        assert len(api.acted("update_status")) == puts
        assert reasons(api) == [*["Pulled", "Created", "Started"], "BackOff"]
        counted = {event.reason: event.count for event in api.objects(Event)}
        assert (counted["Started"], counted["BackOff"]) == (4, 3)

    play(scenario, replace(QUIET, writes=writes))


@pytest.mark.parametrize("writes", [Writes.PUT, Writes.PATCH])
def test_either_kind_of_write_leaves_the_same_status(writes: Writes) -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named())
        await asyncio.sleep(1)

        pod = the_pod(api)
        assert pod.status.podIPs[0].ip == pod.status.podIP == "10.0.0.1"
        assert pod.status.containerStatuses[0].containerID.startswith("hollow://")
        assert ready_of(pod) == "True"
        told.append(pod.status.SerializeToString(deterministic=True))

    told: list[bytes] = []
    play(scenario, replace(QUIET, writes=writes))
    play(scenario, replace(QUIET, writes=Writes.PUT))
    assert told[0] == told[1]


def test_pod_without_a_life_costs_one_get_and_one_put() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named())
        await asyncio.sleep(3600)

        asked = [a.verb for a in api.acted("get", "update_status", "patch") if a.resource == "pods"]
        assert asked == ["get", "update_status"]
        assert fleet.nodes[0].lives == {}
        assert fleet.nodes[0].due(KEY) is None

    play(scenario)


def test_finished_pod_takes_no_memory() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named(policy="Never", run_for="5s"))
        await asyncio.sleep(60)

        assert the_pod(api).status.phase == "Succeeded"
        assert fleet.nodes[0].lives == {}
        assert fleet.nodes[0].due(KEY) is None
        assert fleet.pod_queue.delayed == 0
        assert fleet.pods.counts.finished == 1

    play(scenario)


def test_readiness_that_another_took_away_is_told_again() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        for name, said in (("plain", {}), ("lively", {"run_for": "1h"})):
            await bound(api, pod_named(name, **said))
            await asyncio.sleep(1)
            pod = the_pod(api, name)
            container_id = pod.status.containerStatuses[0].containerID
            for condition in pod.status.conditions:
                if condition.type == "Ready":
                    condition.status = "False"
            api.put(pod)
            await asyncio.sleep(1)

            pod = the_pod(api, name)
            assert ready_of(pod) == "True"
            assert pod.status.containerStatuses[0].containerID == container_id
        assert reasons(api).count("Started") == 2

    play(scenario)


def test_annotation_makes_a_running_pod_crash() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named())
        await asyncio.sleep(10)
        pod = the_pod(api)
        pod.metadata.annotations["kubedyno.dev/crash-after"] = "60s"
        api.put(pod)
        await asyncio.sleep(55)

        assert the_pod(api).status.containerStatuses[0].restartCount == 1
        pod = the_pod(api)
        del pod.metadata.annotations["kubedyno.dev/crash-after"]
        api.put(pod)
        await asyncio.sleep(3600)
        assert the_pod(api).status.containerStatuses[0].restartCount == 1

    play(scenario)


@pytest.mark.parametrize("said", [{}, {"run_for": "1h"}])
def test_deadline_that_is_set_or_moved_while_a_pod_runs_holds(said: dict[str, str]) -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named(**said))
        await asyncio.sleep(10)
        for deadline_s in (100, 30):
            pod = the_pod(api)
            pod.spec.activeDeadlineSeconds = deadline_s
            api.put(pod)
            await asyncio.sleep(5)
        assert the_pod(api).status.phase == "Running"
        await asyncio.sleep(11)

        status = the_pod(api).status
        assert (status.phase, status.reason) == ("Failed", "DeadlineExceeded")
        assert status.containerStatuses[0].state.terminated.exitCode == 137
        assert reasons(api)[-2:] == ["DeadlineExceeded", "Killing"]

    play(scenario)


def test_annotation_that_cannot_be_read_is_reported() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named(crash_after="soon"))
        await asyncio.sleep(60)

        assert "InvalidBehaviour" in reasons(api)
        assert ready_of(the_pod(api)) == "True"

    play(scenario)


def test_status_that_could_not_be_written_is_written_later() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named(policy="Never", run_for="5s"))
        await asyncio.sleep(1)
        api.fail_next("update_status", failure(500, message="no store"), times=3)
        await asyncio.sleep(60)

        assert the_pod(api).status.phase == "Succeeded"
        assert reasons(api) == ["Pulled", "Created", "Started"]

    play(scenario)


def test_node_reports_its_start_and_its_return() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await asyncio.sleep(15)
        assert reasons(api, "Node") == [
            "Starting",
            "NodeAllocatableEnforced",
            "NodeHasSufficientMemory",
            "NodeHasNoDiskPressure",
            "NodeHasSufficientPID",
            "NodeReady",
        ]
        (node,) = api.objects(Node)
        for condition in node.status.conditions:
            condition.status = "Unknown"
        api.put(node)
        await asyncio.sleep(15)

        (ready,) = (e for e in api.objects(Event) if e.reason == "NodeReady")
        assert ready.count == 2
        assert {c.status for c in api.objects(Node)[0].status.conditions} == {"False", "True"}

    play(scenario, replace(QUIET, heartbeat_s=10))


@pytest.mark.parametrize("again", [True, False])
def test_deleted_node_is_registered_again_only_when_asked(again: bool) -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await api.delete(NODES, KEY._replace(namespace="", name=NODE))
        await asyncio.sleep(30)

        assert len(api.objects(Node)) == again
        assert fleet.heartbeats.counts.gone == (1 if again else 3)

    play(scenario, replace(QUIET, heartbeat_s=10, register_again=again))


def test_node_status_is_patched_when_asked() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        before = api.objects(Node)[0].status.conditions[3].lastHeartbeatTime.seconds
        await asyncio.sleep(30)

        (node,) = api.objects(Node)
        assert node.status.conditions[3].lastHeartbeatTime.seconds >= before + 20
        assert [c.type for c in node.status.conditions][-1] == "Ready"
        counts = fleet.heartbeats.counts
        assert (counts.status_patches, counts.status_puts) == (3, 0)

    play(scenario, replace(QUIET, heartbeat_s=10, writes=Writes.PATCH))
