"""``dryRun=All``: every verb answers as if it had been done, and nothing has been."""

from __future__ import annotations

import json
from typing import Final, cast

import pytest

from tests.cluster.apiserver.kinds import (
    CONFIG_MAPS_PATH,
    PODS_PATH,
    RCS_PATH,
    config_map,
    controller,
    pod,
)
from tests.cluster.apiserver.serving import InProcess, Json

MERGE: Final = {"content-type": "application/merge-patch+json"}
MAP: Final = f"{CONFIG_MAPS_PATH}/cm"
TARGET: Final[Json] = {"metadata": {"name": "a"}, "target": {"kind": "Node", "name": "n"}}
NAMESPACE: Final = "/api/v1/namespaces/ns"

VERBS: Final[dict[str, tuple[str, str, object, int, str]]] = {
    "create": ("POST", CONFIG_MAPS_PATH, config_map("new"), 201, "CreateOptions"),
    "create-generated": (
        "POST",
        CONFIG_MAPS_PATH,
        {"metadata": {"generateName": "g-"}},
        201,
        "CreateOptions",
    ),
    "update": ("PUT", MAP, config_map(labels={"a": "b"}), 200, "UpdateOptions"),
    "patch": ("PATCH", MAP, {"data": {"b": "2"}}, 200, "PatchOptions"),
    "delete": ("DELETE", MAP, b"", 200, "DeleteOptions"),
    "delete-pod-in-grace": ("DELETE", f"{PODS_PATH}/bound", b"", 200, "DeleteOptions"),
    "deletecollection": ("DELETE", CONFIG_MAPS_PATH, b"", 200, "DeleteOptions"),
    "status": (
        "PUT",
        f"{PODS_PATH}/a/status",
        {"metadata": {"name": "a"}, "status": {"phase": "Running"}},
        200,
        "UpdateOptions",
    ),
    "status-patch": (
        "PATCH",
        f"{PODS_PATH}/a/status",
        {"status": {"phase": "Running"}},
        200,
        "PatchOptions",
    ),
    "binding": ("POST", f"{PODS_PATH}/a/binding", TARGET, 201, "CreateOptions"),
    "scale": (
        "PUT",
        f"{RCS_PATH}/rc/scale",
        {"metadata": {"name": "rc", "namespace": "default"}, "spec": {"replicas": 9}},
        200,
        "UpdateOptions",
    ),
    "scale-patch": (
        "PATCH",
        f"{RCS_PATH}/rc/scale",
        {"spec": {"replicas": 9}},
        200,
        "PatchOptions",
    ),
    "finalize": (
        "PUT",
        f"{NAMESPACE}/finalize",
        {"metadata": {"name": "ns"}, "spec": {"finalizers": ["x.io/y"]}},
        200,
        "UpdateOptions",
    ),
}


def prepare(api: InProcess) -> None:
    """Make what the verbs are tried on."""
    api.create(CONFIG_MAPS_PATH, config_map())
    api.create(PODS_PATH, pod("a"))
    api.create(PODS_PATH, pod("bound", node="n"))
    api.create(RCS_PATH, controller())
    api.create("/api/v1/namespaces", {"metadata": {"name": "ns"}})


@pytest.mark.parametrize("verb", VERBS)
def test_dry_run_stores_nothing_and_answers_the_result(api: InProcess, verb: str) -> None:
    method, path, body, code, _kind = VERBS[verb]
    headers = MERGE if method == "PATCH" else None
    prepare(api)
    store = api.server.api.store
    before = store.current_revision()

    dry = api.call(method, f"{path}?dryRun=All", body, headers)
    after = store.current_revision()
    done = api.call(method, path, body, headers)

    assert (dry.code, done.code) == (code, code)
    assert after == before
    assert store.current_revision() > before
    assert set(dry.json()) == set(done.json())


@pytest.mark.parametrize("verb", VERBS)
def test_unknown_dry_run_is_refused(api: InProcess, verb: str) -> None:
    method, path, body, _code, kind = VERBS[verb]
    prepare(api)
    before = api.server.api.store.current_revision()

    reply = api.call(method, f"{path}?dryRun=Some", body, MERGE if method == "PATCH" else None)

    assert reply.code == 422
    assert cast("Json", reply.json()["details"])["kind"] == kind
    assert api.server.api.store.current_revision() == before


def test_dry_run_in_the_body_of_a_deletion_counts(api: InProcess) -> None:
    prepare(api)

    reply = api.call("DELETE", MAP, {"dryRun": ["All"]})
    wrong = api.call("DELETE", MAP, {"dryRun": ["Some"]})

    assert (reply.code, wrong.code) == (200, 422)
    assert api.call("GET", MAP).code == 200


def test_dry_run_finds_conflicts_as_the_real_thing_does(api: InProcess) -> None:
    prepare(api)
    stale = config_map()
    cast("Json", stale["metadata"])["resourceVersion"] = "1"

    again = api.call("POST", f"{CONFIG_MAPS_PATH}?dryRun=All", config_map())
    late = api.call("PUT", f"{MAP}?dryRun=All", stale)
    bad = api.call("POST", f"{PODS_PATH}?dryRun=All", {"metadata": {"name": "x"}, "spec": {}})
    body = json.dumps({"preconditions": {"uid": "other"}}).encode()
    other = api.call("DELETE", f"{MAP}?dryRun=All", body)

    assert [reply.code for reply in (again, late, bad, other)] == [409, 409, 422, 409]


def test_dry_run_may_be_repeated(api: InProcess) -> None:
    for _ in range(2):
        reply = api.call("POST", f"{CONFIG_MAPS_PATH}?dryRun=All", config_map("new"))
        assert reply.code == 201
        assert "resourceVersion" not in cast("Json", reply.json()["metadata"])
