"""The pod garbage collector on the fake API, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from cluster.client.events import SilentRecorder
from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ObjectKey
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers import pod_gc
from cluster.controllers.pod_gc import PERIOD_S, QUARANTINE_S, PodGarbageCollector
from cluster.controllers.runner import Runner, Surroundings
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import NODES
from storage.virtual_time import VirtualClock, run_virtual


def run(scenario: Callable[[FakeApi], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = VirtualClock()
        api = FakeApi(clock)
        async with (
            InformerFactory(api, clock, random.Random(0)) as informers,
            asyncio.TaskGroup() as group,
        ):
            queue = RateLimitedQueue[ObjectKey]()
            around = Surroundings(api, informers, queue, SilentRecorder(), clock)
            runner = Runner(PodGarbageCollector(around), queue)
            working = group.create_task(runner.run())
            await runner.wait_synced()
            await scenario(api)
            working.cancel()

    run_virtual(main())


def add_pod(api: FakeApi, name: str, node: str, phase: str = "Running") -> None:
    pod = core.Pod(metadata=ObjectMeta(namespace="ns", name=name))
    pod.spec.nodeName = node
    pod.status.phase = phase
    api.add(pod)


def pods(api: FakeApi) -> list[str]:
    return [each.metadata.name for each in api.objects(core.Pod)]


def test_pods_of_a_node_that_is_gone_are_removed_after_its_quarantine() -> None:
    async def scenario(api: FakeApi) -> None:
        api.add(core.Node(metadata=ObjectMeta(name="a")))
        api.add(core.Node(metadata=ObjectMeta(name="b")))
        for name, node in (("p", "a"), ("q", "b"), ("pending", "")):
            add_pod(api, name, node)
        await asyncio.sleep(100)
        assert pods(api) == ["p", "pending", "q"]

        api.remove(NODES, ObjectKey("", "a"))
        await asyncio.sleep(QUARANTINE_S)
        before = pods(api)
        await asyncio.sleep(2 * PERIOD_S)

        assert before == ["p", "pending", "q"]
        assert pods(api) == ["pending", "q"]

    run(scenario)


def test_node_that_comes_back_in_time_keeps_its_pods() -> None:
    async def scenario(api: FakeApi) -> None:
        add_pod(api, "p", "late")
        await asyncio.sleep(QUARANTINE_S)
        api.add(core.Node(metadata=ObjectMeta(name="late")))
        await asyncio.sleep(200)

        assert pods(api) == ["p"]

    run(scenario)


def test_node_that_only_the_cache_lacks_keeps_its_pods() -> None:
    async def scenario(api: FakeApi) -> None:
        add_pod(api, "p", "a")
        api.drop_watch()
        api.fail_next("watch", failure(503), times=1000)
        api.add(core.Node(metadata=ObjectMeta(name="a")))
        await asyncio.sleep(300)

        assert pods(api) == ["p"]

    run(scenario)


def test_pod_that_waits_for_no_kubelet_goes() -> None:
    async def scenario(api: FakeApi) -> None:
        add_pod(api, "p", "")
        (pod,) = api.objects(core.Pod)
        pod.metadata.deletionTimestamp.seconds = 1
        pod.metadata.deletionGracePeriodSeconds = 30
        api.put(pod)
        await asyncio.sleep(2 * PERIOD_S)

        assert pods(api) == []

    run(scenario)


def test_oldest_finished_pods_go_when_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_gc, "FINISHED_MAX", 2)

    async def scenario(api: FakeApi) -> None:
        api.add(core.Node(metadata=ObjectMeta(name="a")))
        for name in ("d", "c", "b", "a"):
            add_pod(api, name, "a", "Succeeded")
            await asyncio.sleep(1)
        add_pod(api, "runs", "a")
        await asyncio.sleep(2 * PERIOD_S)

        assert pods(api) == ["a", "b", "runs"]

    run(scenario)


def test_node_that_comes_back_while_its_pods_cannot_be_removed_keeps_them() -> None:
    async def scenario(api: FakeApi) -> None:
        add_pod(api, "p", "a")
        await asyncio.sleep(QUARANTINE_S + PERIOD_S - 1)
        api.fail_next("update_status", failure(503), times=12)
        await asyncio.sleep(5)
        api.add(core.Node(metadata=ObjectMeta(name="a")))
        await asyncio.sleep(600)

        assert pods(api) == ["p"]

    run(scenario)
