"""What small kinds refuse, at creation and as a change: fields and words of each refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest

from serialization.kinds import SCHEME
from tests.cluster.apiserver import kind_faults, service_faults, volume_faults
from tests.cluster.apiserver.container_faults import Problem
from tests.cluster.apiserver.serving import InProcess, Json, Reply

PATHS = {resource.plural: resource.path("default") for resource in SCHEME}
SERVICES = PATHS["services"]
CLAIMS = PATHS["persistentvolumeclaims"]


def cases(*tables: Mapping[str, Mapping[str, object]]) -> list[object]:
    """Return a parameter for each case of each kind."""
    return [
        pytest.param(plural, case, id=f"{plural}: {name}")
        for by_kind in tables
        for plural, named in by_kind.items()
        for name, case in named.items()
    ]


def causes(reply: Reply) -> list[Problem]:
    assert reply.code == 422, reply.body
    told = cast("list[dict[str, str]]", cast("Json", reply.json()["details"])["causes"])
    return [(cause["field"], cause["message"]) for cause in told]


def named(obj: Json) -> Json:
    return {"metadata": {"name": "x"}, **obj}


def labelled(obj: Json) -> Json:
    meta: Json = {"name": "x", "labels": {"a": "b"}}
    return {**obj, "metadata": meta}


@pytest.mark.parametrize("case", service_faults.SERVICES)
def test_service_is_refused(api: InProcess, case: str) -> None:
    spec, expected = service_faults.SERVICES[case]

    reply = api.call("POST", SERVICES, named({"spec": spec}))

    assert causes(reply) == expected


@pytest.mark.parametrize("case", service_faults.CHANGES)
def test_change_of_a_service_is_refused(api: InProcess, case: str) -> None:
    before, after, expected = service_faults.CHANGES[case]
    api.create(SERVICES, named({"spec": before}))

    reply = api.call("PUT", f"{SERVICES}/x", named({"spec": after}))

    assert causes(reply) == expected


@pytest.mark.parametrize(("plural", "case"), cases(kind_faults.OBJECTS, volume_faults.OBJECTS))
def test_object_is_refused(api: InProcess, plural: str, case: tuple[Json, list[Problem]]) -> None:
    obj, expected = case

    reply = api.call("POST", PATHS[plural], named(obj))

    assert causes(reply) == expected


@pytest.mark.parametrize(("plural", "case"), cases(kind_faults.CHANGES, volume_faults.CHANGES))
def test_change_is_refused(
    api: InProcess, plural: str, case: tuple[Json, Json, list[Problem]]
) -> None:
    before, after, expected = case
    api.create(PATHS[plural], named(before))

    reply = api.call("PUT", f"{PATHS[plural]}/x", named(after))

    assert causes(reply) == expected


def bound_claim(api: InProcess, size: str = "2Gi") -> Json:
    """Store a claim that is bound to a volume of 1Gi, and return it."""
    made = api.create(CLAIMS, named(volume_faults.claim(size, volumeName="v")))
    made["status"] = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
    return api.call("PUT", f"{CLAIMS}/x/status", made).json()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("3Gi", []),
        ("1500Mi", []),
        ("1Gi", [("spec.resources.requests.storage", volume_faults.TAKEN_BACK)]),
    ],
)
def test_bound_claim_may_grow_and_take_back_what_it_has_not_got(
    api: InProcess, size: str, expected: list[Problem]
) -> None:
    claim = bound_claim(api)
    requests = cast("Json", cast("Json", claim["spec"])["resources"])
    requests["requests"] = {"storage": size}

    reply = api.call("PUT", f"{CLAIMS}/x", claim)

    assert (causes(reply) if expected else reply.code) == (expected or 200)


def test_claim_without_volume_and_class_may_get_both(api: InProcess) -> None:
    api.create(CLAIMS, named(volume_faults.claim()))
    wanted = volume_faults.claim(volumeName="v", storageClassName="fast")

    reply = api.call("PUT", f"{CLAIMS}/x", named(wanted))

    assert reply.code == 200
    assert cast("Json", reply.json()["spec"])["volumeName"] == "v"


def test_immutable_object_keeps_its_labels_changeable(api: InProcess) -> None:
    path = PATHS["configmaps"]
    frozen: Json = {"immutable": True, "data": {"a": "1"}}
    api.create(path, named(frozen))

    reply = api.call("PUT", f"{path}/x", labelled(frozen))

    assert reply.code == 200


def test_slice_s_generation_counts_changes_of_its_content_only(api: InProcess) -> None:
    path = PATHS["endpointslices"]
    same = kind_faults.slice_of("10.0.0.1")
    api.create(path, named(same))

    relabelled = api.call("PUT", f"{path}/x", labelled(same))
    changed = api.call("PUT", f"{path}/x", named(kind_faults.slice_of("10.0.0.2")))

    generations = [
        cast("Json", each.json()["metadata"])["generation"] for each in (relabelled, changed)
    ]
    assert generations == [1, 2]


def test_volume_tells_when_its_phase_changed(api: InProcess) -> None:
    path = PATHS["persistentvolumes"]
    made = api.create(path, named(volume_faults.volume()))
    first = cast("Json", made["status"])["lastPhaseTransitionTime"]
    api.clock.wall = api.clock.wall.replace(minute=59)

    same = api.call("PUT", f"{path}/x/status", made).json()
    bound = api.call("PUT", f"{path}/x/status", {**same, "status": {"phase": "Bound"}}).json()

    assert cast("Json", same["status"])["lastPhaseTransitionTime"] == first
    assert cast("Json", bound["status"])["lastPhaseTransitionTime"] != first


@pytest.mark.parametrize(
    ("ingress", "expected"),
    [
        ({"ip": "1.2.3"}, "status.loadBalancer.ingress[0].ip"),
        ({"ip": "1.2.3.4", "ipMode": "X"}, "status.loadBalancer.ingress[0].ipMode"),
        ({"hostname": "1.2.3.4"}, "status.loadBalancer.ingress[0].hostname"),
        ({"hostname": "a.example", "ipMode": "VIP"}, "status.loadBalancer.ingress[0].ipMode"),
    ],
)
def test_status_of_a_balancer_is_refused(api: InProcess, ingress: Json, expected: str) -> None:
    made = api.create(SERVICES, named({"spec": service_faults.spec(type="LoadBalancer")}))
    made["status"] = {"loadBalancer": {"ingress": [ingress]}}

    reply = api.call("PUT", f"{SERVICES}/x/status", made)

    assert [field for field, _message in causes(reply)] == [expected]


TYPES: Mapping[str, Json] = {
    "ClusterIP": service_faults.spec(),
    "headless": service_faults.spec(clusterIP="None", selector={"a": "b"}),
    "NodePort": service_faults.spec(type="NodePort"),
    "LoadBalancer": service_faults.spec(type="LoadBalancer", externalTrafficPolicy="Local"),
    "ExternalName": service_faults.external(),
}
ADDRESSED = ("ClusterIP", "NodePort", "LoadBalancer")
REFUSED = {
    *((each, "headless") for each in ADDRESSED),
    ("headless", "NodePort"),
    ("headless", "LoadBalancer"),
}
"""An address, or to have none, is for good; an external name has neither."""


@pytest.mark.parametrize("after", TYPES)
@pytest.mark.parametrize("before", TYPES)
def test_service_may_become_another_unless_it_would_lose_or_win_its_address(
    api: InProcess, before: str, after: str
) -> None:
    made = api.create(SERVICES, named({"spec": TYPES[before]}))

    reply = api.call("PUT", f"{SERVICES}/x", named({"spec": TYPES[after]}))

    wanted = 422 if (before, after) in REFUSED else 200
    assert reply.code == wanted, reply.body
    if wanted == 200 and after in ADDRESSED and before in ADDRESSED:
        old, new = cast("Json", made["spec"]), cast("Json", reply.json()["spec"])
        assert new["clusterIP"] == old["clusterIP"]


@pytest.mark.parametrize(
    ("plural", "obj", "warning"),
    [
        (
            "services",
            {"spec": service_faults.spec(clusterIP="None", sessionAffinity="ClientIP")},
            "spec.SessionAffinity is ignored for headless services",
        ),
        (
            "services",
            {"spec": service_faults.spec(clusterIP="None", externalIPs=["10.1.2.3"])},
            'spec.externalIPs is ignored when spec.clusterIP is \\"None\\"',
        ),
        (
            "persistentvolumeclaims",
            volume_faults.claim("1500m"),
            'spec.resources.requests[storage]: fractional byte value \\"1500m\\" is invalid, must '
            "be an integer",
        ),
    ],
)
def test_creator_is_warned(api: InProcess, plural: str, obj: Json, warning: str) -> None:
    reply = api.call("POST", PATHS[plural], named(obj))

    assert reply.code == 201
    assert reply.header("warning") == f'299 - "{warning}"'
