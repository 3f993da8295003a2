"""The scheduler at work on the fake API: bindings, refusals, and what goes wrong between."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ObjectKey, TransportError
from cluster.scheduler.scheduler import Scheduler
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.api.resource_pb2 import Quantity
from serialization.errors import DecodeError
from serialization.kinds import NODES, PODS
from storage.clock import SystemClock
from tests.cluster.settling import rest, settle

SECOND_NS = 10**9


class StepClock(SystemClock):
    """Its stamps stand still but for ``ahead_ns``."""

    ahead_ns = 0

    def stamp_ns(self) -> int:
        return self.ahead_ns


class Said:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def record(
        self, about: core.ObjectReference, reason: str, message: str, *, warning: bool = False
    ) -> None:
        self.events.append((reason, message))


class Bench:
    """A scheduler beside its fake API."""

    def __init__(self, api: FakeApi, scheduler: Scheduler, clock: StepClock, said: Said) -> None:
        self.api = api
        self.scheduler = scheduler
        self.clock = clock
        self.said = said

    def node(self, name: str, pods: str = "10") -> None:
        amounts = {"cpu": "4", "memory": "8Gi", "pods": pods}
        resources = {key: Quantity(string=text) for key, text in amounts.items()}
        self.api.add(
            core.Node(metadata=ObjectMeta(name=name), status=core.NodeStatus(allocatable=resources))
        )

    def pod(
        self,
        name: str,
        spec: core.PodSpec | None = None,
        labels: dict[str, str] | None = None,
    ) -> None:
        spec = spec or core.PodSpec()
        spec.containers.append(core.Container(name="c"))
        self.api.add(
            core.Pod(
                metadata=ObjectMeta(namespace="ns", name=name, labels=labels or {}),
                spec=spec,
            )
        )

    def bound(self) -> dict[str, str]:
        return {p.metadata.name: p.spec.nodeName for p in self.api.objects(core.Pod)}


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    api, clock, said, chance = FakeApi(), StepClock(), Said(), random.Random(0)
    async with InformerFactory(api, clock, chance) as informers:
        scheduler = Scheduler(api, informers, said, clock, chance)
        async with asyncio.TaskGroup() as group:
            work = group.create_task(scheduler.run())
            await scheduler.wait_synced()
            yield Bench(api, scheduler, clock, said)
            work.cancel()


def run(scenario: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        async with bench() as made:
            await scenario(made)

    asyncio.run(main())


def test_pod_is_bound_and_said_to_be() -> None:
    async def scenario(at: Bench) -> None:
        at.node("a")
        at.pod("p")
        await settle(lambda: at.bound() == {"p": "a"})
        await settle(lambda: not at.scheduler.state.is_assumed("uid-3"))

        assert at.said.events == [("Scheduled", "Successfully assigned ns/p to a")]
        assert len(at.scheduler.queue) == 0

    run(scenario)


def test_unschedulable_pod_says_why_and_is_bound_when_a_node_comes() -> None:
    async def scenario(at: Bench) -> None:
        at.node("full", pods="0")
        at.pod("p")
        await settle(lambda: len(at.api.acted("update_status")) == 1)
        condition = at.api.objects(core.Pod)[0].status.conditions[0]
        at.clock.ahead_ns = 2 * SECOND_NS
        at.node("a")
        await settle(lambda: at.bound() == {"p": "a"})

        why = "0/1 nodes are available: 1 Too many pods."
        assert at.said.events[0] == ("FailedScheduling", why)
        assert (condition.status, condition.reason, condition.message) == (
            "False",
            "Unschedulable",
            why,
        )

    run(scenario)


@pytest.mark.parametrize(
    "error", [failure(409), TransportError("torn"), DecodeError("torn")], ids=str
)
def test_condition_that_is_not_written_stops_nothing(error: Exception) -> None:
    async def scenario(at: Bench) -> None:
        at.api.fail_next("update_status", error)
        at.pod("p")
        await settle(lambda: at.scheduler.counts.unschedulable == 1)
        await rest()
        at.clock.ahead_ns = 2 * SECOND_NS
        at.node("a")
        await settle(lambda: at.bound() == {"p": "a"})

    run(scenario)


def test_unschedulable_pod_is_bound_when_it_tolerates_more() -> None:
    async def scenario(at: Bench) -> None:
        at.node("a")
        (node,) = at.api.objects(core.Node)
        node.spec.taints.add(key="k", effect="NoSchedule")
        at.api.put(node)
        await rest()
        at.pod("p")
        await settle(lambda: len(at.api.acted("update_status")) == 1)
        await rest()
        at.clock.ahead_ns = 2 * SECOND_NS
        tries = at.scheduler.counts.decided
        (pod,) = at.api.objects(core.Pod)
        pod.spec.tolerations.add(operator="Exists")
        at.api.put(pod)
        await settle(lambda: at.bound() == {"p": "a"})

        assert tries == 1  # what the scheduler writes into the status is no such change

    run(scenario)


def test_unschedulable_pod_is_bound_when_another_one_goes() -> None:
    async def scenario(at: Bench) -> None:
        at.node("a", pods="1")
        at.pod("first")
        await settle(lambda: at.bound() == {"first": "a"})
        at.pod("second")
        await settle(lambda: at.scheduler.counts.unschedulable == 1)
        at.clock.ahead_ns = 2 * SECOND_NS
        at.api.remove(PODS, ObjectKey("ns", "first"))
        await settle(lambda: at.bound() == {"second": "a"})

    run(scenario)


@pytest.mark.parametrize("error", [failure(409), failure(500), TransportError("torn")])
def test_failed_binding_is_forgotten_and_tried_again(error: Exception) -> None:
    async def scenario(at: Bench) -> None:
        at.node("a")
        at.api.fail_next("bind", error)
        at.pod("p")
        await settle(lambda: at.scheduler.counts.bind_failed == 1)
        node = at.scheduler.state.node("a")
        assert node is not None
        assert not node.pods

        at.clock.ahead_ns = 2 * SECOND_NS
        at.node("b")  # an event, so that the loop looks at the clock
        await settle(lambda: at.scheduler.outcomes.bound == 1)

        assert len(at.api.acted("bind")) == 2

    run(scenario)


def test_room_that_a_failed_binding_gives_back_wakes_unschedulable_pods() -> None:
    async def scenario(at: Bench) -> None:
        held = asyncio.Event()
        bind = at.api.bind

        async def bind_later(namespace: str, binding: core.Binding) -> None:
            await held.wait()
            await bind(namespace, binding)

        at.api.bind = bind_later  # type: ignore[method-assign]  # the first binding is under way
        at.node("a", pods="1")
        at.pod("first")
        await settle(lambda: at.scheduler.counts.decided == 1)
        at.pod("second")
        await settle(lambda: at.scheduler.counts.unschedulable == 1)
        at.clock.ahead_ns = 2 * SECOND_NS
        at.api.fail_next("bind", failure(404))  # it was deleted, as no event has told yet
        held.set()
        await settle(lambda: at.scheduler.counts.bind_failed == 1)
        await settle(lambda: "a" in at.bound().values())

        assert at.bound() == {"first": "", "second": "a"}

    run(scenario)


def test_pods_of_other_schedulers_and_deleted_ones_are_left_alone() -> None:
    async def scenario(at: Bench) -> None:
        at.pod("other", core.PodSpec(schedulerName="mine"))
        at.pod("gone")
        await settle(lambda: at.scheduler.counts.unschedulable == 1)
        at.api.remove(PODS, ObjectKey("ns", "gone"))
        await rest()
        at.node("a")
        await rest()

        assert at.bound() == {"other": ""}
        assert not at.api.acted("bind")

    run(scenario)


def test_many_pods_fill_the_nodes_evenly_with_bindings_in_flight() -> None:
    async def scenario(at: Bench) -> None:
        for number in range(5):
            at.node(f"n{number}", pods="40")
        for number in range(200):
            at.pod(f"p{number}")
        await settle(lambda: at.scheduler.outcomes.bound == 200)

        nodes = list(at.bound().values())
        assert sorted(nodes.count(f"n{n}") for n in range(5)) == [40] * 5

    run(scenario)


def test_pods_bound_by_others_count_and_nodes_that_go_are_not_chosen() -> None:
    async def scenario(at: Bench) -> None:
        at.node("a", pods="1")
        at.node("b")
        at.pod("placed", core.PodSpec(nodeName="a"))
        await settle(lambda: len(at.scheduler.state) == 2)
        await rest()
        at.pod("p")
        await settle(lambda: at.bound().get("p") == "b")
        at.api.remove(NODES, ObjectKey("", "b"))
        await settle(lambda: len(at.scheduler.state) == 1)
        at.pod("q")
        await settle(lambda: at.scheduler.counts.unschedulable == 1)

        assert at.bound()["q"] == ""

    run(scenario)


def test_pods_of_a_service_go_to_different_nodes_and_forget_those_that_go() -> None:
    async def scenario(at: Bench) -> None:
        spec = core.ServiceSpec(selector={"app": "web"})
        at.api.add(core.Service(metadata=ObjectMeta(namespace="ns", name="web"), spec=spec))
        for name in ("a", "b", "c"):
            at.node(name)
        await settle(lambda: len(at.scheduler.state) == 3)
        for number in range(6):
            at.pod(f"p{number}", labels={"app": "web"})
        await settle(lambda: all(at.bound().values()))
        assert Counter(at.bound().values()) == {"a": 2, "b": 2, "c": 2}

        emptied = at.bound()["p0"]
        for name, node in at.bound().items():
            if node == emptied:
                at.api.remove(PODS, ObjectKey("ns", name))
        await settle(lambda: len(at.scheduler.groups.counts("ns", {"app": "web"})) == 2)
        at.pod("next", labels={"app": "web"})
        await settle(lambda: at.bound()["next"] != "")
        assert at.bound()["next"] == emptied

    run(scenario)


def test_pod_waits_for_its_claim_to_be_bound() -> None:
    async def scenario(at: Bench) -> None:
        at.node("a")
        claim = core.PersistentVolumeClaim(metadata=ObjectMeta(namespace="ns", name="data"))
        at.api.add(claim)
        spec = core.PodSpec(volumes=[core.Volume(name="data")])
        spec.volumes[0].volumeSource.persistentVolumeClaim.claimName = "data"
        at.pod("p", spec)
        await settle(lambda: at.scheduler.counts.unschedulable == 1)
        reason = "pod has unbound immediate PersistentVolumeClaims"
        await settle(lambda: at.said.events != [])
        assert at.said.events == [
            ("FailedScheduling", f"0/1 nodes are available: 1 {reason}."),
        ]

        at.api.add(core.PersistentVolume(metadata=ObjectMeta(name="disk")))
        claim.spec.volumeName = "disk"
        at.clock.ahead_ns += 2 * SECOND_NS  # past its back-off
        at.api.put(claim)
        await settle(lambda: at.bound() == {"p": "a"})

    run(scenario)
