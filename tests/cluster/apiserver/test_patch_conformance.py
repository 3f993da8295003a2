"""Every kind that is served can be patched in every form, and its status where it has one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

import pytest
from google.protobuf.message import Message

from cluster.apiserver.registry import served
from cluster.apiserver.resources.interface import Strategy
from serialization.kinds import NAMESPACES
from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.kinds import recorded_strategies
from tests.cluster.apiserver.serving import InProcess, Json, serving

PATCHED = [each for each in served() if "patch" in each.verbs]

FORMS: dict[str, object] = {
    "application/merge-patch+json": {"metadata": {"labels": {"by": "merge"}}},
    "application/strategic-merge-patch+json": {
        "metadata": {"labels": {"$patch": "replace", "by": "strategic"}}
    },
    "application/json-patch+json": [
        {"op": "add", "path": "/metadata/labels", "value": {"by": "json"}}
    ],
}


@pytest.fixture
def api() -> Iterator[InProcess]:
    with serving(recorded_strategies()) as running:
        running.create("/api/v1/namespaces", {"metadata": {"name": "golden"}})
        yield running


@pytest.fixture(params=PATCHED, ids=[each.resource.plural for each in PATCHED])
def path(request: pytest.FixtureRequest, api: InProcess) -> str:
    """Create the first recorded object of a kind; return its path."""
    strategy: Strategy[Message] = request.param
    resource = strategy.resource
    file = golden("objects") / f"{resource.kind}-1.request.json"
    obj = json.loads(file.read_text())
    if resource is NAMESPACES:
        obj["metadata"]["name"] = "another"
    stored = api.create(resource.path("golden"), obj)
    return resource.path("golden", str(cast("Json", stored["metadata"])["name"]))


def _meta(obj: Json) -> Json:
    return cast("Json", obj["metadata"])


@pytest.mark.parametrize("media", sorted(FORMS))
def test_labels_are_patched_once_and_nothing_else_changes(
    api: InProcess, path: str, media: str
) -> None:
    before = api.call("GET", path).json()

    first = api.call("PATCH", path, FORMS[media], {"content-type": media})
    second = api.call("PATCH", path, FORMS[media], {"content-type": media})
    left = api.call("GET", path).json()

    assert (first.code, second.code) == (200, 200), first.body
    assert first.json() == second.json() == left
    label = cast("Json", _meta(left)["labels"])["by"]
    assert label == media.removeprefix("application/").partition("-")[0]
    for anew in ("labels", "resourceVersion"):
        _meta(before).pop(anew, None)
        _meta(left).pop(anew, None)
    assert left == before


def test_whole_object_as_a_merge_patch_changes_nothing(api: InProcess, path: str) -> None:
    before = api.call("GET", path).json()

    for media in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
        reply = api.call("PATCH", path, before, {"content-type": media})

        assert (reply.code, reply.json()) == (200, before)


def test_empty_status_patch_changes_nothing(api: InProcess, path: str) -> None:
    before = api.call("GET", path).json()
    headers = {"content-type": "application/merge-patch+json"}

    reply = api.call("PATCH", f"{path}/status", {}, headers)

    if reply.code == 404:
        assert api.call("GET", f"{path}/status").code == 404  # the kind has none
    else:
        assert (reply.code, reply.json()) == (200, before)
