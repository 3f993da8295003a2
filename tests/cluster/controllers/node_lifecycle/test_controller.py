"""The node lifecycle and taint eviction controllers on the fake API, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from cluster.client.failures import failure
from cluster.client.interface import ObjectKey, TransportError
from cluster.controllers.node_lifecycle.controller import LEASE_NAMESPACE
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import LEASES, NODES, PODS
from tests.cluster.controllers.node_lifecycle.beating import UNREACHABLE, Rig, Taints, run

NOT_READY = "node.kubernetes.io/not-ready"

GONE: Taints = {(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")}


def test_node_that_beats_is_left_alone() -> None:
    async def scenario(at: Rig) -> None:
        at.add_node("a")
        at.add_pod("p", "a")

        await at.live(600, ["a"])

        assert at.api.acted() == []

    run(scenario)


def test_lease_is_as_good_as_a_status() -> None:
    async def scenario(at: Rig) -> None:
        at.add_node("a")
        at.add_node("b")
        for _ in range(60):
            at.renew("a")
            at.beat("b")
            await asyncio.sleep(10)

        assert at.ready("a") == "True"
        assert at.api.acted() == []
        await at.live(60, ["b"])
        assert at.ready("a") == "Unknown"

    run(scenario)


def test_silent_node_turns_unknown_and_its_pods_not_ready() -> None:
    async def scenario(at: Rig) -> None:
        for name in "abc":
            at.add_node(name)
        at.add_pod("p", "a", seconds=300)
        at.add_pod("q", "b", seconds=300)
        await at.live(30, "abc")

        await at.live(30, "bc")
        before = at.ready("a")
        await at.live(20, "bc")

        assert before == "True"
        told = {c.type: (c.status, c.reason) for c in at.node("a").status.conditions}
        assert told["Ready"] == ("Unknown", "NodeStatusUnknown")
        assert told["MemoryPressure"] == ("Unknown", "NodeStatusNeverUpdated")
        assert at.taints("a") == GONE
        assert at.said == [("a", "NodeNotReady"), ("p", "NodeNotReady")]
        ready = {p.metadata.name: p.status.conditions[0].status for p in at.api.objects(core.Pod)}
        assert ready == {"p": "False", "q": "True"}

    run(scenario)


def test_node_that_says_that_it_is_not_ready_gets_the_other_taint() -> None:
    async def scenario(at: Rig) -> None:
        for name in "abc":
            at.add_node(name)
        await at.live(10, "abc")

        at.beat("a", status="False")
        await at.live(30, "bc")
        told = at.taints("a")
        await at.live(60, "bc")
        silent = at.taints("a")
        await at.live(20, "abc")

        assert told == {(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")}
        assert silent == GONE
        assert at.taints("a") == set()

    run(scenario)


def test_taints_of_conditions_and_of_others_stand_side_by_side() -> None:
    async def scenario(at: Rig) -> None:
        at.add_node("a")
        node = at.node("a")
        node.spec.unschedulable = True
        node.spec.taints.add(key="mine", effect="NoSchedule")
        node.status.conditions.add(type="DiskPressure", status="True")
        at.api.put(node)
        await asyncio.sleep(1)
        tainted = at.taints("a")
        node = at.node("a")
        node.spec.unschedulable = False
        at.api.put(node)
        at.beat("a")
        await asyncio.sleep(1)

        assert tainted == {
            ("mine", "NoSchedule"),
            ("node.kubernetes.io/unschedulable", "NoSchedule"),
            ("node.kubernetes.io/disk-pressure", "NoSchedule"),
        }
        assert at.taints("a") == {("mine", "NoSchedule")}

    run(scenario)


def test_pods_go_when_their_tolerations_are_over() -> None:
    async def scenario(at: Rig) -> None:
        for name in "abc":
            at.add_node(name)
        at.add_pod("now", "a")
        at.add_pod("later", "a", seconds=100)
        at.add_pod("elsewhere", "b")
        await at.live(10, "abc")

        await at.live(60, "bc")
        at_once = at.going()
        await at.live(60, "bc")
        still = at.going()
        await at.live(60, "bc")

        assert at_once == still == ["now"]
        assert at.going() == ["later", "now"]
        assert at.said.count(("now", "TaintManagerEviction")) == 1
        (pod,) = (p for p in at.api.objects(core.Pod) if p.metadata.name == "later")
        assert pod.status.conditions[-1].type == "DisruptionTarget"

    run(scenario)


def test_pod_stays_when_its_node_comes_back_in_time() -> None:
    async def scenario(at: Rig) -> None:
        for name in "abc":
            at.add_node(name)
        at.add_pod("p", "a", seconds=100)
        await at.live(10, "abc")
        await at.live(100, "bc")
        assert at.emptied() == ["a"]

        await at.live(600, "abc")

        assert at.going() == []
        assert at.said[-1] == ("p", "TaintManagerEviction")  # that it is cancelled

    run(scenario)


def test_nodes_are_emptied_one_by_one() -> None:
    async def scenario(at: Rig) -> None:
        names = [f"n{index:02}" for index in range(20)]
        for name in names:
            at.add_node(name, "z")
        await at.live(10, names)

        counts = []
        for _ in range(12):
            await at.live(10, names[8:])
            counts.append(len(at.emptied()))

        start = counts.index(1)
        assert counts[start : start + 8] == [1, 2, 3, 4, 5, 6, 7, 8][: len(counts) - start]
        assert all(at.ready(name) == "Unknown" for name in names[:8])

    run(scenario)


def test_nothing_is_emptied_while_everything_is_down_nor_soon_after() -> None:
    async def scenario(at: Rig) -> None:
        for name in "abc":
            at.add_node(name)
        at.add_pod("p", "b")
        await at.live(10, "abc")

        await at.live(300)
        down = {name: at.ready(name) for name in "abc"}
        emptied = at.emptied()
        await at.live(30, "bc")

        assert set(down.values()) == {"Unknown"}
        assert emptied == []
        assert at.taints("b") == set()
        assert at.going() == []

    run(scenario)


@pytest.mark.parametrize("error", [TransportError("away"), failure(503), failure(429)])
def test_no_node_looks_dead_because_the_api_was_away(error: Exception) -> None:
    async def scenario(at: Rig) -> None:
        for name in "abc":
            at.add_node(name)
        await at.live(10, "abc")

        at.api.fail_next("document", error, times=3 * 24)  # two minutes of passes
        await at.live(120)
        await at.live(30)
        await at.live(60, "abc")

        assert {at.ready(name) for name in "abc"} == {"True"}
        assert at.api.acted() == []

    run(scenario)


def test_node_is_not_silent_when_only_its_watch_is_late() -> None:
    async def scenario(at: Rig) -> None:
        for name in "abc":
            at.add_node(name)
        await at.live(10, "abc")

        at.api.drop_watch()
        at.api.fail_next("watch", TransportError("torn"), times=100)
        await at.live(70, "abc")

        assert {at.ready(name) for name in "abc"} == {"True"}
        assert at.api.acted("update_status", "patch") == []

    run(scenario)


def test_node_that_never_reported_is_given_more_time() -> None:
    async def scenario(at: Rig) -> None:
        at.api.add(core.Node(metadata=ObjectMeta(name="new")))
        at.add_node("b")

        await at.live(60, "b")
        before = at.api.acted()
        await at.live(20, "b")

        assert before == []
        (ready,) = (c for c in at.node("new").status.conditions if c.type == "Ready")
        assert (ready.status, ready.reason) == ("Unknown", "NodeStatusNeverUpdated")

    run(scenario)


def test_node_that_is_removed_and_made_again_begins_anew() -> None:
    async def scenario(at: Rig) -> None:
        for name in "abc":
            at.add_node(name)
        at.add_pod("p", "a", seconds=100)
        await at.live(10, "abc")
        await at.live(70, "bc")
        assert at.emptied() == ["a"]

        at.api.remove(NODES, ObjectKey("", "a"))
        at.add_node("a")
        await at.live(200, "abc")

        assert at.taints("a") == set()
        assert at.going() == []

    run(scenario)


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        ("update_status", failure(409)),
        ("patch", failure(409)),
        ("get", TransportError("torn")),
        ("delete", failure(500)),
    ],
)
def test_writes_that_fail_are_tried_again(verb: str, error: Exception) -> None:
    async def scenario(at: Rig) -> None:
        for name in "abc":
            at.add_node(name)
        at.add_pod("p", "a")
        await at.live(10, "abc")
        at.api.fail_next(verb, error, times=3)

        await at.live(90, "bc")

        assert at.taints("a") == GONE
        assert at.going() == ["p"]
        assert at.said.count(("a", "NodeNotReady")) == 1

    run(scenario)


def test_lease_that_is_removed_is_no_sign_of_life() -> None:
    async def scenario(at: Rig) -> None:
        for name in "abc":
            at.add_node(name)
        at.renew("a")
        await at.live(10, "abc")
        at.api.remove(LEASES, ObjectKey(LEASE_NAMESPACE, "a"))

        await at.live(60, "bc")

        assert at.ready("a") == "Unknown"

    run(scenario)


def test_what_is_made_again_unnoticed_begins_anew() -> None:
    """After a 410 a list shows another object under a name, and no removal of the first."""

    async def scenario(at: Rig) -> None:
        names = "abcdef"
        for name in names:
            at.add_node(name)
        at.add_pod("p", "a", seconds=300)
        await at.live(10, names)
        while not at.emptied():
            await at.live(10, "cdef")
        (waiting,) = (name for name in "ab" if at.life.health[name].in_line)
        at.api.expire()

        at.api.remove(NODES, ObjectKey("", waiting))
        at.add_node(waiting)
        at.api.remove(PODS, ObjectKey("ns", "p"))
        at.add_pod("p", "c")
        await at.live(60, "cdef" + waiting)

        assert len(at.life.zones) == 0
        assert not at.life.health[waiting].may_empty
        assert at.taints(waiting) == set()
        assert at.eviction._since_s == {}

    run(scenario)
