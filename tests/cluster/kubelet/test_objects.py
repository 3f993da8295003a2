"""What hollow nodes write: nodes, pod statuses, addresses."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from cluster.kubelet.addresses import PODS_PER_NODE_MAX, PodAddresses, host_address, pod_range
from cluster.kubelet.node_object import Capacity, hollow_node, refresh
from cluster.kubelet.pod_status import Placing, set_running
from serialization.api.core.v1_pb2 import Container, Node, Pod, PodCondition, PodSpec
from serialization.api.meta.v1_pb2 import ObjectMeta, Time
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS

PLACING = Placing("172.16.0.1", "10.0.0.7", seen_s=100, running_s=105)


def ready_of(node: Node) -> tuple[str, int, int]:
    ready = next(c for c in node.status.conditions if c.type == "Ready")
    return ready.status, ready.lastHeartbeatTime.seconds, ready.lastTransitionTime.seconds


def test_registered_node_is_ready_and_of_about_real_size() -> None:
    node = hollow_node("hollow-node-7", 7, Capacity(), 1_700_000_000)

    assert ready_of(node) == ("True", 1_700_000_000, 1_700_000_000)
    assert node.metadata.labels["kubernetes.io/hostname"] == "hollow-node-7"
    assert node.status.allocatable["pods"].string == "110"
    size = len(CODECS["orjson"].encode(TypeMeta("v1", "Node"), node))
    assert 2_500 < size < 5_000


def test_refresh_moves_heartbeats_and_keeps_transitions() -> None:
    node = hollow_node("n", 0, Capacity(), 100)
    node.status.volumesInUse.append("v")

    refresh(node, 0, Capacity(), 110)

    assert ready_of(node) == ("True", 110, 100)
    assert list(node.status.volumesInUse) == ["v"]
    assert len(node.status.conditions) == 4


def test_refresh_turns_a_condition_that_was_lost() -> None:
    node = hollow_node("n", 0, Capacity(), 100)
    node.status.conditions[3].status = "Unknown"

    refresh(node, 0, Capacity(), 110)

    assert ready_of(node) == ("True", 110, 110)


def test_refresh_fills_a_status_that_is_not_there() -> None:
    node = Node(metadata=ObjectMeta(name="n"))

    refresh(node, 0, Capacity(), 110)

    assert node.status == hollow_node("n", 0, Capacity(), 110).status


def test_running_pod_has_the_whole_status() -> None:
    pod = Pod(spec=PodSpec(containers=[Container(name="a", image="x:1"), Container(name="b")]))
    pod.status.conditions.append(
        PodCondition(type="PodScheduled", status="True", lastTransitionTime=Time(seconds=90))
    )
    pod.status.conditions.append(PodCondition(type="custom", status="False"))

    set_running(pod, PLACING, random.Random(0))

    status = pod.status
    assert (status.phase, status.podIP, status.hostIP) == ("Running", "10.0.0.7", "172.16.0.1")
    assert status.startTime.seconds == 100
    kinds = {c.type: (c.status, c.lastTransitionTime.seconds) for c in status.conditions}
    assert kinds["Ready"] == ("True", 105)
    assert kinds["PodScheduled"] == ("True", 90)
    assert kinds["custom"] == ("False", 0)
    assert [c.name for c in status.containerStatuses] == ["a", "b"]
    first, second = status.containerStatuses
    assert first.ready
    assert first.state.running.startedAt.seconds == 105
    assert first.imageID.startswith("x@sha256:")
    assert first.containerID != second.containerID


def test_running_twice_changes_nothing_but_container_ids() -> None:
    pod = Pod(spec=PodSpec(containers=[Container(name="a", image="x")]))
    set_running(pod, PLACING, random.Random(1))
    before = Pod()
    before.CopyFrom(pod)

    set_running(pod, PLACING, random.Random(1))

    assert pod == before


def test_addresses_of_nodes_and_pods_do_not_collide() -> None:
    hosts = {host_address(n) for n in range(3000)}
    ranges = {pod_range(n) for n in range(3000)}

    assert len(hosts) == len(ranges) == 3000
    assert PodAddresses(300).take("u") == "10.1.44.1"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=600))
def test_pod_addresses_are_unique_while_held(steps: list[tuple[bool, int]]) -> None:
    addresses = PodAddresses(1)
    held: dict[str, str] = {}

    for take, number in steps:
        uid = str(number)
        if not take:
            addresses.release(uid)
            held.pop(uid, None)
            continue
        address = addresses.take(uid)
        if address:
            assert held.get(uid, address) == address
            held[uid] = address
        else:
            assert len(held) == PODS_PER_NODE_MAX
        assert len(set(held.values())) == len(held)
