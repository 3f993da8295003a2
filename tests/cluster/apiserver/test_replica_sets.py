"""Replica sets: what is filled in, what is refused, and what their status may say."""

from __future__ import annotations

from typing import cast

import pytest

from tests.cluster.apiserver.kinds import controller
from tests.cluster.apiserver.serving import InProcess, Json

PATH = "/apis/apps/v1/namespaces/default/replicasets"


def replica_set(**spec: object) -> Json:
    """Return a small replica set whose spec has these fields besides."""
    base = cast("Json", controller("web")["spec"])
    base["selector"] = {"matchLabels": {"app": "x"}}
    base.update(cast("Json", spec))
    return {"metadata": {"name": "web"}, "spec": base}


def problems(api: InProcess, obj: Json, method: str = "POST", path: str = PATH) -> list[object]:
    """Send an object and return the fields and words that it is refused for."""
    reply = api.call(method, path, obj)
    assert reply.code == 422, reply.body
    causes = cast("list[Json]", cast("Json", reply.json()["details"])["causes"])
    return [(cause["field"], cause["message"]) for cause in causes]


def test_replica_set_has_one_replica_and_a_defaulted_template(api: InProcess) -> None:
    obj = replica_set()
    del cast("Json", obj["spec"])["replicas"]

    created = api.create(PATH, obj)

    spec = cast("Json", created["spec"])
    assert spec["replicas"] == 1
    template = cast("Json", cast("Json", spec["template"])["spec"])
    assert template["restartPolicy"] == "Always"
    assert cast("Json", created["metadata"])["generation"] == 1
    assert created["status"] == {"replicas": 0}


def test_replica_set_s_template_is_warned_of(api: InProcess) -> None:
    obj = replica_set()
    template = cast("Json", cast("Json", cast("Json", obj["spec"])["template"])["spec"])
    template["nodeSelector"] = {"beta.kubernetes.io/os": "linux"}

    warning = api.call("POST", PATH, obj).header("warning")

    assert warning.startswith('299 - "spec.template.spec.nodeSelector[beta.kubernetes.io/os]: ')


def test_replica_set_s_generation_counts_changes_of_its_spec(api: InProcess) -> None:
    created = api.create(PATH, replica_set())
    cast("Json", created["spec"])["replicas"] = 5

    scaled = api.call("PUT", f"{PATH}/web", created).json()
    cast("Json", scaled["metadata"])["labels"] = {"a": "b"}
    labelled = api.call("PUT", f"{PATH}/web", scaled).json()

    assert cast("Json", scaled["metadata"])["generation"] == 2
    assert cast("Json", labelled["metadata"])["generation"] == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"selector": None},
            [
                ("spec.selector", "Required value"),
                (
                    "spec.template.metadata.labels",
                    'Invalid value: {"app":"x"}: `selector` does not match template `labels`',
                ),
            ],
        ),
        (
            {"selector": {}},
            [("spec.selector", "Invalid value: {}: empty selector is invalid for deployment")],
        ),
        (
            {"selector": {"matchLabels": {"app": "y"}}},
            [
                (
                    "spec.template.metadata.labels",
                    'Invalid value: {"app":"x"}: `selector` does not match template `labels`',
                )
            ],
        ),
        (
            {"selector": {"matchExpressions": [{"key": "app", "operator": "In"}]}},
            [
                (
                    "spec.selector.matchExpressions[0].values",
                    "Required value: must be specified when `operator` is 'In' or 'NotIn'",
                ),
                (
                    "spec.selector",
                    'Invalid value: {"matchExpressions":[{"key":"app","operator":"In"}]}: '
                    "invalid label selector",
                ),
            ],
        ),
        (
            {"replicas": -1, "minReadySeconds": -2},
            [
                ("spec.replicas", "Invalid value: -1: must be greater than or equal to 0"),
                ("spec.minReadySeconds", "Invalid value: -2: must be greater than or equal to 0"),
            ],
        ),
    ],
    ids=["no-selector", "empty-selector", "other-selector", "bad-expression", "negative"],
)
def test_replica_set_is_refused(api: InProcess, changes: Json, expected: list[object]) -> None:
    assert problems(api, replica_set(**changes)) == expected


def test_replica_set_s_template_must_run_for_ever(api: InProcess) -> None:
    obj = replica_set()
    template = cast("Json", cast("Json", cast("Json", obj["spec"])["template"])["spec"])
    template.update({"restartPolicy": "Never", "activeDeadlineSeconds": 5})

    assert problems(api, obj) == [
        (
            "spec.template.spec.restartPolicy",
            'Unsupported value: "Never": supported values: "Always"',
        ),
        (
            "spec.template.spec.activeDeadlineSeconds",
            "Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
        ),
    ]


def test_replica_set_s_selector_never_changes(api: InProcess) -> None:
    created = api.create(PATH, replica_set())
    spec = cast("Json", created["spec"])
    spec["selector"] = {"matchExpressions": [{"key": "app", "operator": "Exists"}]}

    found = problems(api, created, "PUT", f"{PATH}/web")

    shown = '{"matchExpressions":[{"key":"app","operator":"Exists"}]}'
    assert found == [("spec.selector", f"Invalid value: {shown}: field is immutable")]


def test_replica_set_s_status_changes_nothing_else(api: InProcess) -> None:
    created = api.create(PATH, replica_set())
    cast("Json", created["spec"])["replicas"] = 7
    created["status"] = {"replicas": 2, "readyReplicas": 1, "observedGeneration": 1}

    updated = api.call("PUT", f"{PATH}/web/status", created).json()

    assert updated["status"] == created["status"]
    assert cast("Json", updated["spec"])["replicas"] == 2


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            {"replicas": 1, "readyReplicas": 2},
            [("status.readyReplicas", "cannot be greater than status.replicas")],
        ),
        (
            {"replicas": 3, "readyReplicas": 1, "availableReplicas": 2},
            [("status.availableReplicas", "cannot be greater than readyReplicas")],
        ),
        (
            {"replicas": -1},
            [
                ("status.replicas", "must be greater than or equal to 0"),
                ("status.fullyLabeledReplicas", "cannot be greater than status.replicas"),
                ("status.readyReplicas", "cannot be greater than status.replicas"),
                ("status.availableReplicas", "cannot be greater than status.replicas"),
            ],
        ),
    ],
    ids=["ready", "available", "negative"],
)
def test_replica_set_s_counts_must_add_up(
    api: InProcess, status: Json, expected: list[tuple[str, str]]
) -> None:
    created = api.create(PATH, replica_set())
    created["status"] = status

    found = cast("list[tuple[str, str]]", problems(api, created, "PUT", f"{PATH}/web/status"))

    assert [(field, words.rpartition(": ")[2]) for field, words in found] == expected
