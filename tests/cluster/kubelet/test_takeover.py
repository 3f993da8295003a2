"""A process of nodes ends, much happens, and another takes over: nothing is lost or done twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cluster.client.fake import FakeApi
from cluster.controllers.node_lifecycle.writing import make_not_ready
from cluster.kubelet.behaviour import Behaviour
from cluster.kubelet.latency import Latency
from cluster.kubelet.node_object import Endpoint
from cluster.kubelet.pod_conditions import ready_condition
from cluster.kubelet.stages import Latencies
from serialization.api.core.v1_pb2 import Node, Pod
from serialization.kinds import PODS
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.kubelet.fleets import (
    KEY,
    NODE,
    QUIET,
    bound,
    fleet_on,
    pod_named,
    reasons,
    the_pod,
)


def test_running_pods_stay_as_they_are() -> None:
    async def main() -> None:
        api = FakeApi(VirtualClock())
        async with fleet_on(api):
            await bound(api, pod_named("plain"))
            await bound(api, pod_named("lively", run_for="1h"))
            await asyncio.sleep(10)
        before = {pod.metadata.name: pod for pod in api.objects(Pod)}
        told = reasons(api)
        await asyncio.sleep(100)
        async with fleet_on(api) as fleet:
            await asyncio.sleep(100)
            assert fleet.pods.writer.counts.gets == 0
            assert fleet.nodes[0].addresses.take("another") == "10.0.0.3"

        assert {pod.metadata.name: pod for pod in api.objects(Pod)} == before
        assert reasons(api) == told

    run_virtual(main())


def test_what_happened_meanwhile_is_made_up_for() -> None:
    async def main() -> None:
        api = FakeApi(VirtualClock())
        async with fleet_on(api):
            for name in ("deleted", "stays", "gone"):
                await bound(api, pod_named(name))
            await asyncio.sleep(10)
        await api.delete(PODS, KEY._replace(name="deleted"))
        api.remove(PODS, KEY._replace(name="gone"))
        await bound(api, pod_named("late"))
        await asyncio.sleep(5)
        async with fleet_on(api) as fleet:
            await asyncio.sleep(1)
            assert fleet.nodes[0].pods == 2

        assert [pod.metadata.name for pod in api.objects(Pod)] == ["late", "stays"]
        assert {pod.status.phase for pod in api.objects(Pod)} == {"Running"}
        addresses = [pod.status.podIP for pod in api.objects(Pod)]
        assert len(set(addresses)) == 2

    run_virtual(main())


def test_pod_that_was_told_not_ready_meanwhile_is_ready_again() -> None:
    """The node lifecycle does that to the pods of a node that is not heard of."""

    async def main() -> None:
        api = FakeApi(VirtualClock())
        async with fleet_on(api):
            for name, said in (("plain", {}), ("lively", {"run_for": "1h"})):
                await bound(api, pod_named(name, **said))
            await asyncio.sleep(10)
        before = {pod.metadata.name: ready_condition(pod) for pod in api.objects(Pod)}
        for pod in api.objects(Pod):
            assert make_not_ready(pod, 0)
            await api.update_status(PODS, pod)
        async with fleet_on(api):
            await asyncio.sleep(10)

        after = {pod.metadata.name: ready_condition(pod) for pod in api.objects(Pod)}
        assert before == after == {"plain": "True", "lively": "True"}

    run_virtual(main())


def test_run_that_should_have_ended_meanwhile_ends_at_once() -> None:
    async def main() -> None:
        api = FakeApi(VirtualClock())
        async with fleet_on(api):
            await bound(api, pod_named(policy="Never", run_for="60s"))
            await asyncio.sleep(10)
        await asyncio.sleep(100)
        async with fleet_on(api):
            await asyncio.sleep(1)

        pod = the_pod(api)
        assert pod.status.phase == "Succeeded"
        ended = pod.status.containerStatuses[0].state.terminated
        assert ended.finishedAt.seconds - ended.startedAt.seconds == 110

    run_virtual(main())


@pytest.mark.parametrize("stop_s", [7, 12, 30, 60, 100, 200])
def test_crash_loop_goes_on_with_its_count_and_its_back_off(stop_s: int) -> None:
    """Stopped for no time at any point, a fleet does what it would have done without."""

    async def main() -> tuple[Pod, Pod]:
        found = []
        for stops in ([stop_s, 400 - stop_s], [400]):
            api = FakeApi(VirtualClock())
            for seconds in stops:
                async with fleet_on(api):
                    if not api.objects(Pod):
                        await bound(api, pod_named(crash_after="5s"))
                    await asyncio.sleep(seconds)
            found.append(the_pod(api))
        return found[0], found[1]

    stopped, unstopped = (pod.status.containerStatuses[0] for pod in run_virtual(main()))

    assert stopped.restartCount == unstopped.restartCount
    assert stopped.state.HasField("waiting") == unstopped.state.HasField("waiting")


def test_random_fates_are_the_same_after_a_restart() -> None:
    behaviour = Behaviour(crash_probability=0.5, crash_after=Latency(1000, 60_000))
    options = replace(QUIET, behaviour=behaviour, seed=5)

    async def restarts(stops: list[int]) -> list[int]:
        api = FakeApi(VirtualClock())
        for seconds in stops:
            async with fleet_on(api, options):
                if not api.objects(Pod):
                    for number in range(20):
                        await bound(api, pod_named(f"p{number}"))
                await asyncio.sleep(seconds)
        return [pod.status.containerStatuses[0].restartCount for pod in api.objects(Pod)]

    whole, parts = run_virtual(restarts([600])), run_virtual(restarts([100, 200, 300]))

    assert whole == parts
    assert 0 < sum(whole) < 100
    assert 0 in whole


@pytest.mark.parametrize(("away_s", "left_s"), [(5, 5), (60, 0)])
def test_deletion_goes_on_with_what_is_left_of_its_grace(away_s: int, left_s: int) -> None:
    slow = replace(QUIET, latencies=Latencies(terminate=Latency(60_000, 60_000)))

    async def main() -> None:
        api = FakeApi(VirtualClock())
        async with fleet_on(api, slow):
            await bound(api, pod_named())
            await asyncio.sleep(1)
            await api.delete(PODS, KEY, grace_period_s=20)
            await asyncio.sleep(10)
        await asyncio.sleep(away_s)
        async with fleet_on(api, slow):
            if left_s:
                await asyncio.sleep(left_s - 0.5)
                assert len(api.objects(Pod)) == 1
            await asyncio.sleep(1)

        assert api.objects(Pod) == []

    run_virtual(main())


def test_node_tells_its_new_port() -> None:
    async def main() -> None:
        api = FakeApi(VirtualClock())
        for port in (4000, 4001):
            async with fleet_on(api, replace(QUIET, endpoint=Endpoint("127.0.0.1", port))):
                (node,) = api.objects(Node)
                assert node.metadata.name == NODE
                assert node.status.daemonEndpoints.kubeletEndpoint.Port == port
                assert node.status.addresses[0].address == "127.0.0.1"

    run_virtual(main())


@pytest.mark.slow
def test_same_seed_is_the_same_history() -> None:
    lively = Behaviour(
        crash_probability=0.3,
        crash_after=Latency(1000, 60_000),
        ready_after=Latency(0, 9000),
        unready_every=Latency(20_000, 90_000),
    )
    options = replace(QUIET, behaviour=lively, heartbeat_s=10, latencies=Latencies(Latency(0, 900)))

    async def history() -> tuple[list[object], list[Pod]]:
        api = FakeApi(VirtualClock())
        async with fleet_on(api, options):
            for number in range(20):
                await bound(api, pod_named(f"p{number}"))
            await asyncio.sleep(600)
        return [*api.actions], api.objects(Pod)

    first, second = run_virtual(history()), run_virtual(history())

    assert first == second
    assert len({pod.status.containerStatuses[0].restartCount for pod in first[1]}) > 2
