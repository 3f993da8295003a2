"""Binding a pod to a node."""

from __future__ import annotations

from typing import cast

import pytest

from tests.cluster.apiserver.kinds import PODS_PATH, pod
from tests.cluster.apiserver.serving import InProcess, Json


def binding(name: str = "a", node: str = "n1", **metadata: object) -> Json:
    return {
        "metadata": cast("Json", {"name": name, **metadata}),
        "target": {"kind": "Node", "name": node},
    }


@pytest.mark.parametrize("path", [f"{PODS_PATH}/a/binding", "/api/v1/namespaces/default/bindings"])
def test_binding_gives_the_node_the_condition_and_annotations(api: InProcess, path: str) -> None:
    api.create(PODS_PATH, pod(annotations={"old": "1"}))

    reply = api.call("POST", path, binding(annotations={"new": "2"}))

    assert reply.code == 201
    assert reply.json()["status"] == "Success"
    bound = api.call("GET", f"{PODS_PATH}/a").json()
    metadata, status = cast("Json", bound["metadata"]), cast("Json", bound["status"])
    assert cast("Json", bound["spec"])["nodeName"] == "n1"
    assert metadata["annotations"] == {"old": "1", "new": "2"}
    assert metadata["generation"] == 1
    assert status["conditions"] == [
        {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": "2026-11-23T01:02:03Z",
        }
    ]


@pytest.mark.parametrize(
    ("annotations", "told"),
    [
        ({"no key": "1"}, "metadata.annotations: Invalid value"),
        ({"": "1"}, "metadata.annotations: Invalid value"),
        ({"big": "x" * 200_000}, "metadata.annotations: Too long"),
    ],
)
def test_binding_with_annotations_that_no_pod_may_have_is_refused(
    api: InProcess, annotations: Json, told: str
) -> None:
    """The first pod has annotations of its own: together they may be too much."""
    before = api.create(PODS_PATH, pod(annotations={"old": "x" * 100_000}))

    reply = api.call("POST", f"{PODS_PATH}/a/binding", binding(annotations=annotations))

    assert reply.code == 422
    assert told in str(reply.json()["message"])
    assert api.call("GET", f"{PODS_PATH}/a").json() == before


def test_second_binding_is_a_conflict(api: InProcess) -> None:
    api.create(PODS_PATH, pod())
    api.call("POST", f"{PODS_PATH}/a/binding", binding())

    reply = api.call("POST", f"{PODS_PATH}/a/binding", binding(node="n2"))

    assert reply.code == 409
    assert 'pod a is already assigned to node "n1"' in str(reply.json()["message"])


def test_binding_for_another_pod_of_that_name_is_refused(api: InProcess) -> None:
    api.create(PODS_PATH, pod())

    reply = api.call("POST", f"{PODS_PATH}/a/binding", binding(uid="other"))

    assert reply.code == 409
    assert "UID in precondition: other" in str(reply.json()["message"])


def test_binding_of_a_pod_that_is_being_deleted_is_refused(api: InProcess) -> None:
    api.create(PODS_PATH, pod(finalizers=["example.com/f"]))
    api.call("DELETE", f"{PODS_PATH}/a")

    reply = api.call("POST", f"{PODS_PATH}/a/binding", binding())

    assert reply.code == 409
