"""Pods and nodes read into the scheduler's terms."""

from __future__ import annotations

from cluster.scheduler import constraints
from cluster.scheduler.constraints import (
    Constraints,
    Disk,
    HostPort,
    Preference,
    Requirement,
    Term,
)
from cluster.scheduler.needs import FactsReader
from cluster.scheduler.state import Needs
from cluster.scheduler.volumes import VolumeNeeds
from serialization.api.core.v1_pb2 import (
    Container,
    Node,
    NodeCondition,
    NodeSpec,
    NodeStatus,
    Pod,
    PodSpec,
    ResourceRequirements,
    Taint,
    Toleration,
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
    assert needs.rest == Constraints()


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


def test_constraints_are_read_and_equal_ones_are_one_object() -> None:
    def pod() -> Pod:
        spec = PodSpec(
            containers=[container(**{"cpu": "1", "example.com/gpu": "2"})],
            tolerations=[Toleration(key="a", operator="Exists", effect="NoExecute")],
        )
        spec.containers[0].ports.add(hostPort=80)
        spec.containers[0].ports.add(hostPort=53, protocol="UDP", hostIP="10.0.0.1")
        spec.containers[0].ports.add(containerPort=1)
        affinity = spec.affinity.nodeAffinity
        required = affinity.requiredDuringSchedulingIgnoredDuringExecution
        required.nodeSelectorTerms.add().matchFields.add(
            key="metadata.name", operator="In", values=["n"]
        )
        wish = affinity.preferredDuringSchedulingIgnoredDuringExecution.add(weight=7)
        wish.preference.matchExpressions.add(key="disk", operator="Exists")
        volume = spec.volumes.add(name="v").volumeSource
        volume.awsElasticBlockStore.volumeID = "vol-1"
        return Pod(spec=spec)

    reader = FactsReader()
    first, second = reader.needs(pod()), reader.needs(pod())

    assert first is second
    assert first.rest == Constraints(
        tolerations=(constraints.Toleration("a", "Exists", "", "NoExecute"),),
        required=(Term((), (Requirement("metadata.name", "In", ("n",)),)),),
        preferred=(Preference(7, Term((Requirement("disk", "Exists", ()),))),),
        ports=(HostPort("0.0.0.0", "TCP", 80), HostPort("10.0.0.1", "UDP", 53)),
        disks=(Disk("ebs", "vol-1", read_only=False),),
        resources=(("example.com/gpu", 2),),
    )


class Changing:
    """Volumes of which something else is true every time."""

    def __init__(self) -> None:
        self.asked = 0

    def needs(self, namespace: str, spec: PodSpec) -> VolumeNeeds:
        self.asked += 1
        return VolumeNeeds(trouble=str(self.asked))


def test_specs_are_read_once_unless_they_have_claims_or_a_node() -> None:
    plain = Pod(spec=PodSpec(containers=[container(cpu="1")]))
    plain.spec.volumes.add(name="v").volumeSource.emptyDir.medium = "Memory"
    claiming = Pod(spec=PodSpec(containers=[container(cpu="1")]))
    claiming.spec.volumes.add(name="v").volumeSource.persistentVolumeClaim.claimName = "c"
    bound = Pod(spec=plain.spec)
    bound.spec.nodeName = "n"
    other = Pod(spec=plain.spec)
    other.spec.containers[0].resources.requests["cpu"].string = "2"
    volumes = Changing()
    reader = FactsReader(volumes)

    assert [reader.needs(plain).rest.trouble for _ in range(2)] == ["1", "1"]
    assert [reader.needs(claiming).rest.trouble for _ in range(2)] == ["2", "3"]
    assert [reader.needs(bound).rest.trouble for _ in range(2)] == ["4", "5"]
    assert reader.needs(other).cpu_milli == 2000
    assert reader.needs(plain).cpu_milli == 1000


def test_pods_that_ask_for_nothing_are_best_effort() -> None:
    limited = container()
    limited.resources.limits["cpu"].string = "1"
    reader = FactsReader()

    assert reader.needs(Pod(spec=PodSpec(containers=[container()]))).rest.best_effort
    assert not reader.needs(Pod(spec=PodSpec(containers=[container(cpu="1")]))).rest.best_effort
    assert not reader.needs(Pod(spec=PodSpec(containers=[limited]))).rest.best_effort


def test_nodes_tell_taints_pressures_zones_and_other_resources() -> None:
    node = Node(
        metadata=ObjectMeta(
            name="n",
            labels={
                "failure-domain.beta.kubernetes.io/zone": "a",
                "topology.kubernetes.io/region": "r",
            },
        ),
        spec=NodeSpec(taints=[Taint(key="k", value="v", effect="NoSchedule")]),
        status=NodeStatus(
            allocatable={"cpu": Quantity(string="1"), "example.com/gpu": Quantity(string="3")},
            conditions=[
                NodeCondition(type="DiskPressure", status="True"),
                NodeCondition(type="MemoryPressure", status="False"),
                NodeCondition(type="Ready", status="True"),
            ],
        ),
    )

    facts = FactsReader().node(node)

    assert facts.taints == (constraints.Taint("k", "v", "NoSchedule"),)
    assert facts.pressures == ("DiskPressure",)
    assert facts.zone == "r/a"
    assert facts.resources == (("example.com/gpu", 3),)
