"""Deletion: grace, finalizers, preconditions, namespaces, collections."""

from __future__ import annotations

from typing import cast

import pytest

from tests.cluster.apiserver.kinds import NODES_PATH, PODS_PATH, RCS_PATH, controller, pod
from tests.cluster.apiserver.serving import InProcess, Json


def meta(obj: Json) -> Json:
    return cast("Json", obj["metadata"])


def test_pod_without_node_goes_at_once(api: InProcess) -> None:
    api.create(PODS_PATH, pod())

    reply = api.call("DELETE", f"{PODS_PATH}/a")

    assert reply.code == 200
    assert reply.json()["kind"] == "Pod"
    assert meta(reply.json())["deletionGracePeriodSeconds"] == 0
    assert api.call("GET", f"{PODS_PATH}/a").code == 404


def test_bound_pod_is_given_its_grace_then_goes_with_grace_zero(api: InProcess) -> None:
    api.create(PODS_PATH, pod(node="n1"))

    marked = api.call("DELETE", f"{PODS_PATH}/a").json()
    again = api.call("DELETE", f"{PODS_PATH}/a").json()
    gone = api.call("DELETE", f"{PODS_PATH}/a?gracePeriodSeconds=0")

    assert meta(marked)["deletionTimestamp"] == "2026-11-23T01:02:33Z"
    assert meta(marked)["deletionGracePeriodSeconds"] == 30
    assert meta(marked)["generation"] == 2
    assert again == marked
    assert gone.code == 200
    assert api.call("GET", f"{PODS_PATH}/a").code == 404


def test_second_delete_can_shorten_the_grace_and_not_lengthen_it(api: InProcess) -> None:
    api.create(PODS_PATH, pod(node="n1"))
    api.call("DELETE", f"{PODS_PATH}/a")

    shorter = api.call("DELETE", f"{PODS_PATH}/a", {"gracePeriodSeconds": 5}).json()
    longer = api.call("DELETE", f"{PODS_PATH}/a?gracePeriodSeconds=60").json()

    assert meta(shorter)["deletionGracePeriodSeconds"] == 5
    assert meta(shorter)["deletionTimestamp"] == "2026-11-23T01:02:08Z"
    assert longer == shorter


@pytest.mark.parametrize("path", [f"{PODS_PATH}/a", PODS_PATH])
def test_delete_whose_client_left_before_its_body_deletes_nothing(
    api: InProcess, path: str
) -> None:
    api.create(PODS_PATH, pod())

    reply = api.leave("DELETE", path, b'{"preconditions":{"uid":"another"}}')

    assert reply.code == 499
    assert api.call("GET", f"{PODS_PATH}/a").code == 200


def test_ended_pod_goes_at_once(api: InProcess) -> None:
    created = api.create(PODS_PATH, pod(node="n1"))
    cast("Json", created["status"])["phase"] = "Succeeded"
    assert api.call("PUT", f"{PODS_PATH}/a/status", created).code == 200

    api.call("DELETE", f"{PODS_PATH}/a")

    assert api.call("GET", f"{PODS_PATH}/a").code == 404


def test_other_kinds_are_answered_with_a_status(api: InProcess) -> None:
    created = api.create(RCS_PATH, controller())

    reply = api.call("DELETE", f"{RCS_PATH}/rc").json()

    assert reply["kind"] == "Status"
    assert reply["details"] == {
        "name": "rc",
        "kind": "replicationcontrollers",
        "uid": meta(created)["uid"],
    }


def test_finalizers_keep_an_object_until_they_are_gone(api: InProcess) -> None:
    api.create(PODS_PATH, pod(finalizers=["example.com/f"]))

    kept = api.call("DELETE", f"{PODS_PATH}/a").json()
    added = api.call("GET", f"{PODS_PATH}/a").json()
    meta(added)["finalizers"] = ["example.com/f", "example.com/g"]
    refused = api.call("PUT", f"{PODS_PATH}/a", added)
    meta(added)["finalizers"] = []
    released = api.call("PUT", f"{PODS_PATH}/a", added)

    assert meta(kept)["deletionTimestamp"]
    assert refused.code == 422
    assert released.code == 200
    assert api.call("GET", f"{PODS_PATH}/a").code == 404


def test_preconditions_spare_another_object_of_the_same_name(api: InProcess) -> None:
    api.create(NODES_PATH, {"metadata": {"name": "n1"}})

    by_uid = api.call("DELETE", f"{NODES_PATH}/n1", {"preconditions": {"uid": "other"}})
    by_version = api.call("DELETE", f"{NODES_PATH}/n1", {"preconditions": {"resourceVersion": "1"}})

    assert (by_uid.code, by_version.code) == (409, 409)
    assert api.call("GET", f"{NODES_PATH}/n1").code == 200


def test_empty_namespace_goes_and_one_with_content_stays_terminating(api: InProcess) -> None:
    for name in ("empty", "full"):
        api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    api.create("/api/v1/namespaces/full/pods", pod())

    for name in ("empty", "full"):
        assert api.call("DELETE", f"/api/v1/namespaces/{name}").code == 200
    refused = api.call("POST", "/api/v1/namespaces/full/pods", pod("b"))

    assert api.call("GET", "/api/v1/namespaces/empty").code == 404
    full = api.call("GET", "/api/v1/namespaces/full").json()
    assert cast("Json", full["status"])["phase"] == "Terminating"
    assert refused.code == 403
    assert "because it is being terminated" in str(refused.json()["message"])


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public", "kube-node-lease"])
def test_namespaces_of_a_new_cluster_are_there(api: InProcess, name: str) -> None:
    namespace = api.call("GET", f"/api/v1/namespaces/{name}").json()

    assert cast("Json", namespace["status"])["phase"] == "Active"


def test_delete_of_a_collection_takes_what_the_selector_picks(api: InProcess) -> None:
    for index in range(3):
        api.create(PODS_PATH, pod(f"p{index}", labels={"keep": "no" if index else "yes"}))

    reply = api.call("DELETE", f"{PODS_PATH}?labelSelector=keep%3Dno")

    assert reply.code == 200
    assert len(cast("list[Json]", reply.json()["items"])) == 2
    left = cast("list[Json]", api.call("GET", PODS_PATH).json()["items"])
    assert [meta(each)["name"] for each in left] == ["p0"]
