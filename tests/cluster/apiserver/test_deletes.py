"""Deletion: grace, finalizers, preconditions, namespaces, collections."""

from __future__ import annotations

import json
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
    created = api.create(NODES_PATH, {"metadata": {"name": "n1"}})

    reply = api.call("DELETE", f"{NODES_PATH}/n1").json()

    assert reply["kind"] == "Status"
    assert reply["details"] == {"name": "n1", "kind": "nodes", "uid": meta(created)["uid"]}


@pytest.mark.parametrize(
    ("query", "finalizers"),
    [
        ("", ["orphan"]),  # v1's own default, since before there were policies
        ("propagationPolicy=Orphan", ["orphan"]),
        ("orphanDependents=true", ["orphan"]),
        ("propagationPolicy=Foreground", ["foregroundDeletion"]),
        ("propagationPolicy=Background", None),
        ("orphanDependents=false", None),
    ],
)
def test_policy_leaves_its_finalizer_to_the_garbage_collector(
    api: InProcess, query: str, finalizers: list[str] | None
) -> None:
    api.create(RCS_PATH, controller())

    reply = api.call("DELETE", f"{RCS_PATH}/rc?{query}")

    assert reply.code == 200
    found = api.call("GET", f"{RCS_PATH}/rc")
    if finalizers is None:
        assert reply.json()["kind"] == "Status"
        assert found.code == 404
    else:
        assert reply.json() == found.json()
        assert meta(found.json())["finalizers"] == finalizers
        assert meta(found.json())["deletionGracePeriodSeconds"] == 0
        assert meta(found.json())["generation"] == 2


def test_later_policy_takes_the_place_of_an_earlier_one(api: InProcess) -> None:
    api.create(RCS_PATH, controller())

    orphaned = api.call("DELETE", f"{RCS_PATH}/rc", {"propagationPolicy": "Orphan"}).json()
    kept = api.call("DELETE", f"{RCS_PATH}/rc", {"propagationPolicy": "Foreground"}).json()
    again = api.call("DELETE", f"{RCS_PATH}/rc").json()
    gone = api.call("DELETE", f"{RCS_PATH}/rc", {"propagationPolicy": "Background"})

    assert meta(orphaned)["finalizers"] == ["orphan"]
    assert meta(kept)["finalizers"] == ["foregroundDeletion"]
    assert again == kept
    assert gone.json()["kind"] == "Status"
    assert api.call("GET", f"{RCS_PATH}/rc").code == 404


def test_query_counts_only_without_a_body(api: InProcess) -> None:
    api.create(PODS_PATH, pod(node="n1"))

    reply = api.call("DELETE", f"{PODS_PATH}/a?gracePeriodSeconds=0", {"gracePeriodSeconds": 7})

    assert meta(reply.json())["deletionGracePeriodSeconds"] == 7


def test_dry_run_of_a_delete_changes_nothing(api: InProcess) -> None:
    created = api.create(PODS_PATH, pod(node="n1"))

    marked = api.call("DELETE", f"{PODS_PATH}/a?dryRun=All").json()
    gone = api.call("DELETE", f"{PODS_PATH}/a", {"gracePeriodSeconds": 0, "dryRun": ["All"]}).json()
    refused = api.call("DELETE", f"{PODS_PATH}/a", {"dryRun": ["Some"]})

    assert meta(marked)["deletionGracePeriodSeconds"] == 30
    assert meta(gone)["deletionGracePeriodSeconds"] == 0
    assert refused.code == 422
    assert api.call("GET", f"{PODS_PATH}/a").json() == created


def test_watchers_see_a_pod_without_grace_before_it_goes(api: InProcess) -> None:
    created = api.create(PODS_PATH, pod(node="n1"))
    api.call("DELETE", f"{PODS_PATH}/a")

    gone = api.call("DELETE", f"{PODS_PATH}/a?gracePeriodSeconds=0").json()

    since = meta(created)["resourceVersion"]
    watched = api.call("GET", f"{PODS_PATH}?watch=1&resourceVersion={since}&timeoutSeconds=1")
    events = [json.loads(line) for line in watched.body.splitlines()]
    seen = [
        (event["type"], event["object"]["metadata"]["deletionGracePeriodSeconds"])
        for event in events
    ]
    assert seen == [("MODIFIED", 30), ("MODIFIED", 0), ("DELETED", 0)]
    assert events[-1]["object"]["metadata"]["resourceVersion"] == meta(gone)["resourceVersion"]


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


def test_namespace_stays_terminating_until_it_is_finalized(api: InProcess) -> None:
    api.create("/api/v1/namespaces", {"metadata": {"name": "full"}})
    api.create("/api/v1/namespaces/full/pods", pod())

    marked = api.call("DELETE", "/api/v1/namespaces/full").json()
    again = api.call("DELETE", "/api/v1/namespaces/full").json()
    refused = api.call("POST", "/api/v1/namespaces/full/pods", pod("b"))

    assert again == marked
    assert cast("Json", marked["status"])["phase"] == "Terminating"
    assert "deletionGracePeriodSeconds" not in meta(marked)
    assert refused.code == 403
    assert "because it is being terminated" in str(refused.json()["message"])
    marked["spec"] = {}
    assert api.call("PUT", "/api/v1/namespaces/full/finalize", marked).code == 200
    assert api.call("GET", "/api/v1/namespaces/full").code == 404


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


def test_delete_of_a_collection_takes_a_page_when_it_is_limited(api: InProcess) -> None:
    for index in range(5):
        api.create(PODS_PATH, pod(f"p{index}"))

    reply = api.call("DELETE", f"{PODS_PATH}?limit=2").json()

    assert [meta(each)["name"] for each in cast("list[Json]", reply["items"])] == ["p0", "p1"]
    assert meta(reply)["continue"]
    left = cast("list[Json]", api.call("GET", PODS_PATH).json()["items"])
    assert [meta(each)["name"] for each in left] == ["p2", "p3", "p4"]


def test_delete_of_a_collection_carries_its_options_to_each(api: InProcess) -> None:
    for index in range(40):
        api.create(PODS_PATH, pod(f"p{index:02}", node="n1"))

    dry = api.call("DELETE", PODS_PATH, {"gracePeriodSeconds": 7, "dryRun": ["All"]})
    untouched = cast("list[Json]", api.call("GET", PODS_PATH).json()["items"])
    marked = api.call("DELETE", PODS_PATH, {"gracePeriodSeconds": 7})
    pods = cast("list[Json]", api.call("GET", PODS_PATH).json()["items"])

    assert (dry.code, marked.code) == (200, 200)
    assert not any("deletionTimestamp" in meta(each) for each in untouched)
    assert {meta(each)["deletionGracePeriodSeconds"] for each in pods} == {7}
    assert len(pods) == 40


def test_delete_of_a_collection_answers_what_one_of_it_refused(api: InProcess) -> None:
    uids = [meta(api.create(PODS_PATH, pod(f"p{index}")))["uid"] for index in range(3)]

    reply = api.call("DELETE", PODS_PATH, {"preconditions": {"uid": uids[1]}})

    assert reply.code == 409
    assert cast("Json", reply.json()["details"])["kind"] == "Pod"
    left = cast("list[Json]", api.call("GET", PODS_PATH).json()["items"])
    assert {"p0", "p2"} <= {meta(each)["name"] for each in left}


def test_pod_of_grace_zero_is_held_by_its_finalizer_alone(api: InProcess) -> None:
    api.create(PODS_PATH, pod(finalizers=["example.com/f"]))
    api.call("DELETE", f"{PODS_PATH}/a?gracePeriodSeconds=0")
    stored = api.call("GET", f"{PODS_PATH}/a").json()
    assert meta(stored)["deletionGracePeriodSeconds"] == 0

    kept = api.call("DELETE", f"{PODS_PATH}/a")

    assert kept.json() == stored
    meta(stored)["finalizers"] = []
    assert api.call("PUT", f"{PODS_PATH}/a", stored).code == 200
    assert api.call("GET", f"{PODS_PATH}/a").code == 404


@pytest.mark.parametrize(
    ("path", "kind", "spec"),
    [
        ("namespaces/default/services", "Service", {"ports": [{"port": 80}]}),
        ("namespaces/default/serviceaccounts", "ServiceAccount", None),
        ("namespaces/default/resourcequotas", "ResourceQuota", {}),
        ("namespaces/default/configmaps", "Status", None),
        ("namespaces/default/secrets", "Status", None),
    ],
)
def test_kinds_that_answer_what_was_deleted(
    api: InProcess, path: str, kind: str, spec: Json | None
) -> None:
    obj: Json = {"metadata": {"name": "x"}}
    if spec is not None:
        obj["spec"] = spec
    api.create(f"/api/v1/{path}", obj)

    reply = api.call("DELETE", f"/api/v1/{path}/x")

    assert (reply.code, reply.json()["kind"]) == (200, kind)
    assert "deletionTimestamp" not in meta(reply.json())
    assert api.call("GET", f"/api/v1/{path}/x").code == 404
