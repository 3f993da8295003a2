"""Rules of metadata, nodes, namespaces, leases and events; what an update of a pod may change."""

from __future__ import annotations

import copy
from typing import Final, cast

import pytest

from tests.cluster.apiserver.kinds import (
    CONFIG_MAPS_PATH,
    LEASES_PATH,
    NODES_PATH,
    PODS_PATH,
    config_map,
    pod,
)
from tests.cluster.apiserver.serving import InProcess, Json, Reply

Problem = tuple[str, str]
EVENTS_PATH: Final = "/api/v1/namespaces/default/events"


def causes(reply: Reply) -> list[Problem]:
    """Return the fields and words that a request was refused for."""
    assert reply.code == 422, reply.body
    found = cast("list[dict[str, str]]", cast("Json", reply.json()["details"])["causes"])
    return [(cause.get("field", ""), cause["message"]) for cause in found]


def owner(**fields: object) -> Json:
    return {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", **cast("Json", fields)}


METADATA: Final[dict[str, tuple[Json, list[Problem]]]] = {
    "annotations-size": (
        {"annotations": {"a": "é" * 131_072}},
        [("metadata.annotations", "Too long: may not be more than 262144 bytes")],
    ),
    "finalizer-unqualified": (
        {"finalizers": ["mine"]},
        [
            (
                "metadata.finalizers[0]",
                'Invalid value: "mine": name is neither a standard finalizer name nor is it fully '
                "qualified",
            )
        ],
    ),
    "finalizers-exclusive": (
        {"finalizers": ["orphan", "foregroundDeletion"]},
        [
            (
                "metadata.finalizers",
                'Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and '
                "foregroundDeletion cannot be both set",
            )
        ],
    ),
    "owner-empty": (
        {"ownerReferences": [{"apiVersion": "", "kind": "", "name": "", "uid": ""}]},
        [
            (
                "metadata.ownerReferences.apiVersion",
                'Invalid value: "": version must not be empty',
            ),
            ("metadata.ownerReferences.kind", 'Invalid value: "": must not be empty'),
            ("metadata.ownerReferences.name", 'Invalid value: "": must not be empty'),
            ("metadata.ownerReferences.uid", 'Invalid value: "": must not be empty'),
        ],
    ),
    "owner-event": (
        {"ownerReferences": [owner(kind="Event")]},
        [
            (
                "metadata.ownerReferences",
                'Invalid value: {"apiVersion":"v1","kind":"Event","name":"p","uid":"u"}: /v1, '
                "Kind=Event is disallowed from being an owner",
            )
        ],
    ),
}


@pytest.mark.parametrize("name", METADATA)
def test_metadata_is_refused(api: InProcess, name: str) -> None:
    meta, expected = METADATA[name]

    obj: Json = {"metadata": {"name": "cm", **meta}}

    assert causes(api.call("POST", CONFIG_MAPS_PATH, obj)) == expected


def test_only_one_owner_may_control(api: InProcess) -> None:
    owners = [owner(controller=True), owner(name="q", uid="v", controller=True)]

    found = causes(api.call("POST", CONFIG_MAPS_PATH, config_map(ownerReferences=owners)))

    assert [field for field, _words in found] == ["metadata.ownerReferences"]
    assert found[0][1].endswith('Found "true" in references for Pod/p and Pod/q')


def test_annotations_may_be_as_long_as_the_limit(api: InProcess) -> None:
    api.create(CONFIG_MAPS_PATH, config_map(annotations={"a": "x" * 262_143}))


def test_update_tells_causes_as_often_as_a_real_server(api: InProcess) -> None:
    made = api.create(CONFIG_MAPS_PATH, config_map())
    cast("Json", made["metadata"])["labels"] = {"a": "b c"}

    reply = api.call("PUT", f"{CONFIG_MAPS_PATH}/cm", made)

    assert len(causes(reply)) == 4
    assert str(reply.json()["message"]).count("a valid label must be") == 1


NODES: Final[dict[str, tuple[Json, list[Problem]]]] = {
    "taint-twice": (
        {"taints": [{"key": "k", "effect": "NoExecute"}, {"key": "k", "effect": "NoExecute"}]},
        [
            (
                "spec.taints[1]",
                'Duplicate value: {"Key":"k","Value":"","Effect":"NoExecute","TimeAdded":null}: '
                "taints must be unique by key and effect pair",
            )
        ],
    ),
    "taint-effect": (
        {"taints": [{"key": "k"}]},
        [("spec.taints[0].effect", "Required value")],
    ),
    "range": (
        {"podCIDR": "10.1"},
        [
            (
                "spec.podCIDRs[0]",
                'Invalid value: "10.1": must be a valid CIDR value, (e.g. 10.9.8.0/24 or '
                "2001:db8::/64)",
            )
        ],
    ),
    "ranges-of-one-family": (
        {"podCIDRs": ["10.1.0.0/24", "10.2.0.0/24"]},
        [
            (
                "spec.podCIDRs",
                'Invalid value: ["10.1.0.0/24","10.2.0.0/24"]: may specify no more than one CIDR '
                "for each IP family",
            )
        ],
    ),
}


@pytest.mark.parametrize("name", NODES)
def test_node_is_refused(api: InProcess, name: str) -> None:
    spec, expected = NODES[name]

    reply = api.call("POST", NODES_PATH, {"metadata": {"name": "n"}, "spec": spec})

    assert causes(reply) == expected


def test_node_s_range_stands_under_both_names(api: InProcess) -> None:
    old = api.create(NODES_PATH, {"metadata": {"name": "a"}, "spec": {"podCIDR": "10.1.0.0/24"}})
    new = api.create(NODES_PATH, {"metadata": {"name": "b"}, "spec": {"podCIDRs": ["10.2.0.0/24"]}})

    assert old["spec"] == {"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]}
    assert new["spec"] == {"podCIDR": "10.2.0.0/24", "podCIDRs": ["10.2.0.0/24"]}


def test_node_s_provider_and_ranges_are_set_once(api: InProcess) -> None:
    node = api.create(NODES_PATH, {"metadata": {"name": "a"}})
    node["spec"] = {"podCIDR": "10.1.0.0/24", "providerID": "x://1"}
    once = api.call("PUT", f"{NODES_PATH}/a", node).json()
    once["spec"] = {"podCIDR": "10.2.0.0/24", "providerID": "x://2", "externalID": "e"}

    found = causes(api.call("PUT", f"{NODES_PATH}/a", once))

    assert [field for field, _words in found] == ["spec.podCIDRs", "spec.providerID", ""]


def test_node_s_status_is_judged(api: InProcess) -> None:
    node = api.create(NODES_PATH, {"metadata": {"name": "a"}})
    address: Json = {"type": "InternalIP", "address": "10.0.0.1"}
    node["status"] = {"capacity": {"cpu": "-1"}, "addresses": [address, address]}

    found = causes(api.call("PUT", f"{NODES_PATH}/a/status", node))

    assert [field for field, _words in found] == [
        "status.capacity[cpu]",
        "status.allocatable[cpu]",
        "status.addresses[1]",
    ]


def test_namespace_s_finalizers_are_qualified(api: InProcess) -> None:
    obj = {"metadata": {"name": "ns"}, "spec": {"finalizers": ["mine"]}}

    found = causes(api.call("POST", "/api/v1/namespaces", obj))

    assert found[0][0] == "spec.finalizers[0]"


def test_lease_s_numbers_are_judged(api: InProcess) -> None:
    spec = {"leaseDurationSeconds": 0, "leaseTransitions": -1, "preferredHolder": "h"}

    found = causes(api.call("POST", LEASES_PATH, {"metadata": {"name": "l"}, "spec": spec}))

    assert [field for field, _words in found] == [
        "spec.leaseDurationSeconds",
        "spec.leaseTransitions",
        "spec.strategy",
    ]


def test_event_of_the_newer_sort_says_who_tells_it(api: InProcess) -> None:
    event: Json = {
        "metadata": {"name": "e"},
        "involvedObject": {"namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reason": "r" * 129,
        "message": "m" * 1025,
    }

    found = causes(api.call("POST", EVENTS_PATH, event))

    assert found == [
        ("reportingComponent", "Required value"),
        ("reportingComponent", 'Invalid value: "": name part must be non-empty'),
        ("reportingComponent", found[2][1]),
        ("reportingInstance", "Required value"),
        ("action", "Required value"),
        ("reason", 'Invalid value: "": can have at most 128 characters'),
        ("message", 'Invalid value: "": can have at most 1024 characters'),
    ]


SPEC: Final[Json] = {
    "containers": [{"name": "c", "image": "i:1"}],
    "activeDeadlineSeconds": 100,
    "schedulingGates": [{"name": "x.io/a"}, {"name": "x.io/b"}],
    "nodeSelector": {"zone": "a"},
}
ALLOWED: Final[dict[str, Json]] = {
    "image": {"containers": [{"name": "c", "image": "i:2"}]},
    "deadline-nearer": {"activeDeadlineSeconds": 50},
    "gate-gone": {"schedulingGates": [{"name": "x.io/b"}]},
    "selector-narrower": {"nodeSelector": {"zone": "a", "disk": "ssd"}},
}
REFUSED: Final[dict[str, tuple[Json, str]]] = {
    "container-more": (
        {"containers": [{"name": "c", "image": "i:1"}, {"name": "d", "image": "i:1"}]},
        "spec.containers",
    ),
    "init-container-more": (
        {"initContainers": [{"name": "d", "image": "i:1"}]},
        "spec.initContainers",
    ),
    "deadline-later": ({"activeDeadlineSeconds": 200}, "spec.activeDeadlineSeconds"),
    "deadline-gone": ({"activeDeadlineSeconds": None}, "spec.activeDeadlineSeconds"),
    "gate-new": ({"schedulingGates": [{"name": "x.io/c"}]}, "spec.schedulingGates[0]"),
    "selector-other": ({"nodeSelector": {"zone": "b"}}, "spec.nodeSelector"),
    "tolerations-gone": ({"tolerations": []}, "spec.tolerations"),
    "command": ({"containers": [{"name": "c", "image": "i:1", "args": ["x"]}]}, "spec"),
    "host-network": ({"hostNetwork": True}, "spec"),
    "service-account": ({"serviceAccountName": "other"}, "spec"),
}


def changed(api: InProcess, changes: Json) -> Reply:
    """Make a pod, PUT it with these changes of its spec."""
    made = api.create(PODS_PATH, {"metadata": {"name": "a"}, "spec": copy.deepcopy(SPEC)})
    spec = cast("Json", made["spec"])
    spec.update(changes)
    made["spec"] = {name: value for name, value in spec.items() if value is not None}
    return api.call("PUT", f"{PODS_PATH}/a", made)


@pytest.mark.parametrize("name", ALLOWED)
def test_pod_s_spec_may_change(api: InProcess, name: str) -> None:
    reply = changed(api, ALLOWED[name])

    assert reply.code == 200, reply.body
    assert cast("Json", reply.json()["metadata"])["generation"] == 2


@pytest.mark.parametrize("name", REFUSED)
def test_pod_s_spec_may_not_change(api: InProcess, name: str) -> None:
    changes, field = REFUSED[name]

    assert causes(changed(api, changes))[0][0] == field


def test_tolerations_may_be_added_and_their_time_changed(api: InProcess) -> None:
    made = api.create(PODS_PATH, pod("a"))
    tolerations = cast("list[Json]", cast("Json", made["spec"])["tolerations"])
    tolerations[0]["tolerationSeconds"] = 5
    tolerations.append({"key": "k", "operator": "Exists"})

    assert api.call("PUT", f"{PODS_PATH}/a", made).code == 200


def test_pod_s_address_stands_under_both_names(api: InProcess) -> None:
    made = api.create(PODS_PATH, pod("a", node="n"))
    made["status"] = {"phase": "Running", "podIP": "10.1.2.3"}

    status = cast("Json", api.call("PUT", f"{PODS_PATH}/a/status", made).json()["status"])

    assert status["podIPs"] == [{"ip": "10.1.2.3"}]
