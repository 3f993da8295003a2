"""What each filter refuses, by table, in Kubernetes' words."""

from __future__ import annotations

import pytest

from cluster.scheduler.constraints import (
    ANY_IP,
    Constraints,
    Disk,
    HostPort,
    Requirement,
    Taint,
    Term,
    Toleration,
)
from cluster.scheduler.filters.disk_conflict import CONFLICT
from cluster.scheduler.filters.host_ports import TAKEN
from cluster.scheduler.filters.node_selector import MISMATCH
from cluster.scheduler.filters.pressure import DISK, MEMORY, PROCESSES
from cluster.scheduler.filters.registry import FILTERS
from cluster.scheduler.filters.volume_limits import LIMITS, TOO_MANY
from cluster.scheduler.filters.volume_zone import NO_AFFINITY, NO_ZONE
from cluster.scheduler.state import ClusterState, Needs, NodeFacts
from cluster.scheduler.volumes import UNBOUND

GIB = 1 << 30
NODE = NodeFacts("n", 4000, 8 * GIB, 10, {"zone": "a"}, ready=True, unschedulable=False)
HARD = Taint("dedicated", "db", "NoSchedule")
SOFT = Taint("dedicated", "db", "PreferNoSchedule")
DOWN = Taint("node.kubernetes.io/unreachable", "", "NoExecute")
ZONE = "topology.kubernetes.io/zone"


def needs(rest: Constraints) -> Needs:
    return Needs(0, 0, 0, 0, (), rest)


def refused(name: str, rest: Constraints, node: NodeFacts, *there: Constraints) -> tuple[str, ...]:
    state = ClusterState()
    state.set_node(node)
    for number, each in enumerate(there):
        state.observe(str(number), node.name, needs(each))
    return FILTERS[name].reasons(needs(rest), state.nodes[0])


def tolerating(*tolerations: Toleration) -> Constraints:
    return Constraints(tolerations=tolerations)


UNTOLERATED = "node(s) had untolerated taint {dedicated: db}"


@pytest.mark.parametrize(
    ("rest", "taints", "reasons"),
    [
        (Constraints(), (), ()),
        (Constraints(), (SOFT,), ()),
        (Constraints(), (HARD,), (UNTOLERATED,)),
        (tolerating(Toleration("dedicated", "Equal", "db", "NoSchedule")), (HARD,), ()),
        (tolerating(Toleration("dedicated", "", "db", "")), (HARD,), ()),
        (tolerating(Toleration("dedicated", "Equal", "web", "")), (HARD,), (UNTOLERATED,)),
        (tolerating(Toleration("dedicated", "Exists", "", "NoExecute")), (HARD,), (UNTOLERATED,)),
        (tolerating(Toleration("dedicated", "Exists", "", "")), (HARD,), ()),
        (tolerating(Toleration("", "Exists", "", "")), (HARD, DOWN), ()),
        (
            tolerating(Toleration("dedicated", "Exists", "", "")),
            (HARD, DOWN),
            ("node(s) had untolerated taint {node.kubernetes.io/unreachable: }",),
        ),
    ],
)
def test_taints_repel_what_does_not_tolerate_them(
    rest: Constraints, taints: tuple[Taint, ...], reasons: tuple[str, ...]
) -> None:
    assert refused("taints", rest, NODE._replace(taints=taints)) == reasons


@pytest.mark.parametrize(
    ("pressures", "best_effort", "reasons"),
    [
        ((), True, ()),
        (("MemoryPressure",), True, (MEMORY,)),
        (("MemoryPressure",), False, ()),
        (("DiskPressure",), False, (DISK,)),
        (("PIDPressure",), False, (PROCESSES,)),
    ],
)
def test_pressure_keeps_pods_off(
    pressures: tuple[str, ...], best_effort: bool, reasons: tuple[str, ...]
) -> None:
    node = NODE._replace(pressures=pressures)
    assert refused("pressure", Constraints(best_effort=best_effort), node) == reasons


def term(key: str, operator: str, *values: str) -> Term:
    return Term((Requirement(key, operator, values),))


@pytest.mark.parametrize(
    ("terms", "fits"),
    [
        (None, True),
        ((), False),
        ((Term(()),), False),
        ((term("zone", "In", "a", "b"),), True),
        ((term("zone", "In", "b"),), False),
        ((term("zone", "In", "b"), term("zone", "Exists")), True),
        ((term("zone", "NotIn", "a"),), False),
        ((term("rack", "NotIn", "a"),), True),
        ((term("zone", "DoesNotExist"),), False),
        ((term("cores", "Gt", "3"),), True),
        ((term("cores", "Lt", "3"),), False),
        ((term("zone", "Gt", "3"),), False),
        ((term("cores", "Gt"),), False),
        ((Term((), (Requirement("metadata.name", "In", ("n",)),)),), True),
        ((Term((), (Requirement("metadata.name", "In", ("m",)),)),), False),
        ((Term(term("zone", "In", "a").labels + term("cores", "In", "5").labels),), False),
    ],
)
def test_node_affinity_needs_one_term_that_holds(
    terms: tuple[Term, ...] | None, fits: bool
) -> None:
    node = NODE._replace(labels={"zone": "a", "cores": "4"})
    reasons = refused("node-affinity", Constraints(required=terms), node)
    assert reasons == (() if fits else (MISMATCH,))


def on(ip: str, protocol: str, port: int) -> Constraints:
    return Constraints(ports=(HostPort(ip, protocol, port),))


@pytest.mark.parametrize(
    ("wanted", "taken", "fits"),
    [
        (on(ANY_IP, "TCP", 80), on(ANY_IP, "TCP", 80), False),
        (on(ANY_IP, "TCP", 80), on(ANY_IP, "UDP", 80), True),
        (on(ANY_IP, "TCP", 80), on(ANY_IP, "TCP", 81), True),
        (on("10.0.0.1", "TCP", 80), on("10.0.0.2", "TCP", 80), True),
        (on("10.0.0.1", "TCP", 80), on("10.0.0.1", "TCP", 80), False),
        (on("10.0.0.1", "TCP", 80), on(ANY_IP, "TCP", 80), False),
        (on(ANY_IP, "TCP", 80), Constraints(), True),
    ],
)
def test_host_ports_are_taken_once(wanted: Constraints, taken: Constraints, fits: bool) -> None:
    assert refused("host-ports", wanted, NODE, taken) == (() if fits else (TAKEN,))


def disk(kind: str, *, read_only: bool = False, identity: str = "d") -> Constraints:
    return Constraints(disks=(Disk(kind, identity, read_only),))


@pytest.mark.parametrize(
    ("wanted", "there", "fits"),
    [
        (disk("gce"), disk("gce"), False),
        (disk("gce", read_only=True), disk("gce"), False),
        (disk("gce", read_only=True), disk("gce", read_only=True), True),
        (disk("ebs", read_only=True), disk("ebs", read_only=True), False),
        (disk("gce"), disk("gce", identity="other"), True),
        (disk("gce"), disk("rbd"), True),
    ],
)
def test_disks_are_attached_once(wanted: Constraints, there: Constraints, fits: bool) -> None:
    assert refused("disk-conflict", wanted, NODE, there) == (() if fits else (CONFLICT,))


@pytest.mark.parametrize("kind", LIMITS)
def test_volume_limits_count_distinct_disks(kind: str) -> None:
    full = [disk(kind, identity=str(number)) for number in range(LIMITS[kind])]

    assert refused("volume-limits", disk(kind, identity="new"), NODE, *full) == (TOO_MANY,)
    assert refused("volume-limits", disk(kind, identity="0"), NODE, *full) == ()
    assert refused("volume-limits", disk(kind, identity="new"), NODE, *full[1:]) == ()
    assert refused("volume-limits", disk("rbd", identity="new"), NODE, *full) == ()


@pytest.mark.parametrize(
    ("labels", "zone", "values", "reasons"),
    [
        ({ZONE: "a"}, "/a", ("a",), ()),
        ({ZONE: "a"}, "/a", ("b", "a"), ()),
        ({ZONE: "a"}, "/a", ("b",), (NO_ZONE,)),
        ({}, "", ("b",), ()),
    ],
)
def test_volumes_bind_pods_to_their_zones(
    labels: dict[str, str], zone: str, values: tuple[str, ...], reasons: tuple[str, ...]
) -> None:
    node = NODE._replace(labels=labels, zone=zone)
    assert refused("volume-zone", Constraints(zones=((ZONE, values),)), node) == reasons


def test_volumes_bind_pods_to_nodes_that_their_affinity_matches() -> None:
    here, elsewhere = (term("zone", "In", "a"),), (term("zone", "In", "b"),)

    assert refused("volume-zone", Constraints(volume_terms=(here,)), NODE) == ()
    both = Constraints(volume_terms=(here, elsewhere))
    assert refused("volume-zone", both, NODE) == (NO_AFFINITY,)


def test_claims_in_trouble_fit_nowhere() -> None:
    assert refused("claims", Constraints(trouble=UNBOUND), NODE) == (UNBOUND,)


@pytest.mark.parametrize(
    ("asked", "reasons"),
    [
        ((), ()),
        ((("gpu", 1),), ()),
        ((("gpu", 2),), ("Insufficient gpu",)),
        ((("fpga", 1),), ("Insufficient fpga",)),
        ((("fpga", 0),), ()),
    ],
)
def test_other_resources_run_out(asked: tuple[tuple[str, int], ...], reasons: object) -> None:
    node = NODE._replace(resources=(("gpu", 2),))
    taken = Constraints(resources=(("gpu", 1),))
    assert refused("resources", Constraints(resources=asked), node, taken) == reasons
