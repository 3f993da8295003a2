"""The scale subresource of every kind that has it."""

from __future__ import annotations

from typing import cast

import pytest

from serialization.api.autoscaling.v1_pb2 import Scale
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS
from tests.cluster.apiserver.kinds import PODS_PATH, PROTOBUF, RCS_PATH, controller, pod
from tests.cluster.apiserver.serving import InProcess, Json

RSS_PATH = "/apis/apps/v1/namespaces/default/replicasets"
MERGE = {"content-type": "application/merge-patch+json"}


def replica_set() -> Json:
    labels: Json = {"app": "w"}
    expression: Json = {"key": "tier", "operator": "In", "values": ["b", "a"]}
    return {
        "metadata": {"name": "rc"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels, "matchExpressions": [expression]},
            "template": {
                "metadata": {"labels": {"app": "w", "tier": "a"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    }


def meta(obj: Json) -> Json:
    return cast("Json", obj["metadata"])


@pytest.fixture(params=["replicationcontrollers", "replicasets"])
def scaled(request: pytest.FixtureRequest, api: InProcess) -> str:
    """Create an object that can be scaled; return its path."""
    if request.param == "replicasets":
        api.create(RSS_PATH, replica_set())
        return f"{RSS_PATH}/rc"
    body = controller()
    cast("Json", body["spec"])["replicas"] = 2
    api.create(RCS_PATH, body)
    return f"{RCS_PATH}/rc"


def test_scale_tells_wanted_and_present_replicas_and_the_selector(
    api: InProcess, scaled: str
) -> None:
    whole = api.call("GET", scaled).json()
    whole["status"] = {**cast("Json", whole["status"]), "replicas": 1}
    stored = api.call("PUT", f"{scaled}/status", whole).json()

    scale = api.call("GET", f"{scaled}/scale").json()

    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["metadata"] == {name: meta(stored)[name] for name in kept}
    assert scale["spec"] == {"replicas": 2}
    status = cast("Json", scale["status"])
    assert status["replicas"] == 1
    assert status["selector"] == ("app=w,tier in (a,b)" if "replicasets" in scaled else "app=x")


def test_scale_is_set_by_put_and_by_patch(api: InProcess, scaled: str) -> None:
    body = api.call("GET", f"{scaled}/scale").json()
    body["spec"] = {"replicas": 5}

    put = api.call("PUT", f"{scaled}/scale", body)
    patched = api.call("PATCH", f"{scaled}/scale", {"spec": {"replicas": 7}}, MERGE)
    left = api.call("GET", scaled).json()

    assert cast("Json", put.json()["spec"])["replicas"] == 5
    assert cast("Json", patched.json()["spec"])["replicas"] == 7
    assert cast("Json", left["spec"])["replicas"] == 7
    assert meta(left)["generation"] == 3
    assert meta(left)["resourceVersion"] == meta(patched.json())["resourceVersion"]


def test_scale_at_a_stale_version_is_a_conflict(api: InProcess, scaled: str) -> None:
    stale: Json = {"metadata": {"name": "rc", "resourceVersion": "1"}, "spec": {"replicas": 3}}

    put = api.call("PUT", f"{scaled}/scale", stale)
    patched = api.call("PATCH", f"{scaled}/scale", stale, MERGE)

    assert (put.code, put.json()["reason"]) == (409, "Conflict")
    assert (patched.code, patched.json()["reason"]) == (409, "Conflict")


def test_negative_replicas_are_invalid(api: InProcess, scaled: str) -> None:
    body: Json = {"metadata": {"name": "rc"}, "spec": {"replicas": -3}}

    for reply in (
        api.call("PUT", f"{scaled}/scale", body),
        api.call("PATCH", f"{scaled}/scale", body, MERGE),
    ):
        assert reply.code == 422
        assert reply.json()["message"] == (
            'Scale.autoscaling "rc" is invalid: spec.replicas: Invalid value: -3: must be greater '
            "than or equal to 0"
        )


def test_scale_of_nothing_is_not_found(api: InProcess) -> None:
    api.create(PODS_PATH, pod())

    assert api.call("GET", f"{RCS_PATH}/nope/scale").code == 404
    assert api.call("PATCH", f"{RCS_PATH}/nope/scale", {}, MERGE).code == 404
    assert api.call("GET", f"{PODS_PATH}/a/scale").code == 404


def test_another_kind_is_no_scale(api: InProcess, scaled: str) -> None:
    reply = api.call("PUT", f"{scaled}/scale", api.call("GET", scaled).json())

    assert (reply.code, reply.json()["reason"]) == (400, "BadRequest")


def test_scale_speaks_protobuf(api: InProcess, scaled: str) -> None:
    codec = CODECS["protobuf"]
    headers = {"content-type": PROTOBUF, "accept": PROTOBUF}
    _kind, bare = codec.unwrap(api.call("GET", f"{scaled}/scale", headers=headers).body)
    scale = codec.decode_bare(Scale, bare)
    scale.spec.replicas = 9

    body = codec.encode(TypeMeta("autoscaling/v1", "Scale"), scale)
    reply = api.call("PUT", f"{scaled}/scale", body, headers)
    kind, bare = codec.unwrap(reply.body)

    assert (reply.code, kind) == (200, TypeMeta("autoscaling/v1", "Scale"))
    assert codec.decode_bare(Scale, bare).spec.replicas == 9
    assert api.call("GET", f"{scaled}/scale").json()["spec"] == {"replicas": 9}


def test_dry_run_scales_nothing(api: InProcess, scaled: str) -> None:
    before = api.call("GET", scaled).json()

    reply = api.call("PATCH", f"{scaled}/scale?dryRun=All", {"spec": {"replicas": 8}}, MERGE)

    assert reply.json()["spec"] == {"replicas": 8}
    assert api.call("GET", scaled).json() == before


def test_discovery_tells_the_group_of_a_scale(api: InProcess) -> None:
    listed = cast("list[Json]", api.call("GET", "/api/v1").json()["resources"])
    entry = next(each for each in listed if each["name"] == "replicationcontrollers/scale")

    assert entry == {
        "name": "replicationcontrollers/scale",
        "singularName": "",
        "namespaced": True,
        "group": "autoscaling",
        "version": "v1",
        "kind": "Scale",
        "verbs": ["get", "patch", "update"],
    }
