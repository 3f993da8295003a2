"""The scheme: every kind is found by each of its names, and its keys are Kubernetes' own."""

from __future__ import annotations

import json

import pytest

from serialization.api.core.v1_pb2 import Pod
from serialization.api.meta.v1_pb2 import Status
from serialization.kinds import BINDINGS, LEASES, NODES, PODS, SCHEME
from serialization.scheme import Resource, UnknownKindError, metadata_of
from tests.serialization.golden import FOLDER

every_resource = pytest.mark.parametrize("resource", tuple(SCHEME), ids=lambda r: r.kind)


@every_resource
def test_resource_is_found_by_kind_plural_and_message(resource: Resource) -> None:
    assert SCHEME.by_kind(resource.api_version, resource.kind) is resource
    assert SCHEME.by_plural(resource.group, resource.version, resource.plural) is resource
    assert SCHEME.by_message(resource.message) is resource


@every_resource
def test_list_message_holds_the_kind(resource: Resource) -> None:
    assert metadata_of(resource.message()) is not None
    if resource.list_message is None:
        return
    items = resource.list_message.DESCRIPTOR.fields_by_name["items"]
    assert items.message_type is resource.message.DESCRIPTOR
    assert resource.list_message.DESCRIPTOR.name == resource.list_kind


def test_keys_are_those_of_a_real_server() -> None:
    seen = 0
    for line in (FOLDER / "manifest.jsonl").read_text().splitlines():
        record = json.loads(line)
        if "etcdKey" not in record:
            continue
        answer = json.loads((FOLDER / f"{record['id']}.response.json").read_text())
        resource = SCHEME.by_kind(answer["apiVersion"], answer["kind"])
        metadata = answer["metadata"]
        assert (
            resource.key(metadata.get("namespace", ""), metadata["name"]).decode()
            == (record["etcdKey"])
        )
        assert resource.path(metadata.get("namespace", ""), metadata["name"]) == record["getPath"]
        seen += 1
    assert seen == 76


def test_names_are_written_as_kubernetes_does() -> None:
    assert PODS.api_version == "v1"
    assert LEASES.api_version == "coordination.k8s.io/v1"
    assert LEASES.group_resource == "leases.coordination.k8s.io"
    assert PODS.path("ns", "a", "status") == "/api/v1/namespaces/ns/pods/a/status"
    assert NODES.prefix() == b"/registry/minions/"
    assert BINDINGS.list_message is None


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownKindError):
        SCHEME.by_kind("v1", "Nope")
    with pytest.raises(UnknownKindError):
        SCHEME.by_plural("", "v1", "nopes")
    with pytest.raises(UnknownKindError):
        SCHEME.by_message(Status)
    with pytest.raises(UnknownKindError):
        SCHEME.by_kind("v2", Pod.DESCRIPTOR.name)
