"""Pods and nodes read into the scheduler's terms."""

from __future__ import annotations

from cluster.scheduler.needs import FactsReader
from cluster.scheduler.state import Needs
from serialization.api.core.v1_pb2 import (
    Container,
    Node,
    NodeCondition,
    NodeSpec,
    NodeStatus,
    Pod,
    PodSpec,
    ResourceRequirements,
)
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.api.resource_pb2 import Quantity

MIB = 1 << 20


def container(**requests: str) -> Container:
    amounts = {name: Quantity(string=text) for name, text in requests.items()}
    return Container(resources=ResourceRequirements(requests=amounts))


def test_needs_are_summed_and_unset_requests_are_scored_by_default() -> None:
    pod = Pod(
        spec=PodSpec(
            containers=[container(cpu="250m", memory="64Mi"), container()],
            nodeSelector={"b": "2", "a": "1"},
        )
    )

    needs = FactsReader().needs(pod)

    assert needs == Needs(250, 64 * MIB, 350, 264 * MIB, (("a", "1"), ("b", "2")))


def test_greatest_init_container_and_overhead_count() -> None:
    pod = Pod(
        spec=PodSpec(
            containers=[container(cpu="100m")],
            initContainers=[container(cpu="1"), container(cpu="300m")],
            overhead={"cpu": Quantity(string="5m"), "memory": Quantity(string="1Mi")},
        )
    )

    needs = FactsReader().needs(pod)

    assert (needs.cpu_milli, needs.memory_bytes) == (1005, MIB)


def test_node_facts_come_from_allocatable_and_conditions() -> None:
    amounts = {"cpu": "4", "memory": "1Gi", "pods": "110"}
    node = Node(
        metadata=ObjectMeta(name="n", labels={"a": "1"}),
        spec=NodeSpec(unschedulable=True),
        status=NodeStatus(
            allocatable={name: Quantity(string=text) for name, text in amounts.items()},
            conditions=[NodeCondition(type="Ready", status="Unknown")],
        ),
    )

    facts = FactsReader().node(node)

    assert (facts.cpu_milli, facts.memory_bytes, facts.pods) == (4000, 1024 * MIB, 110)
    assert (facts.ready, facts.unschedulable, dict(facts.labels)) == (False, True, {"a": "1"})


def test_malformed_quantity_counts_as_none() -> None:
    needs = FactsReader().needs(Pod(spec=PodSpec(containers=[container(cpu="lots")])))

    assert needs.cpu_milli == 0
