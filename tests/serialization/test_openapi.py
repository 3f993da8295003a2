"""Schemas of the messages are those that a real Kubernetes publishes, as far as both know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from serialization.descriptions import DESCRIPTIONS
from serialization.enumerations import OPTIONAL, VALUES
from serialization.kinds import PODS, SCHEME
from serialization.openapi import Schema, schema_name, schemas_of
from tests.cluster.apiserver.conftest import golden

OURS = schemas_of(SCHEME)

WITHOUT = ("description", "default", "x-kubernetes-map-type", "x-kubernetes-unions")
"""What our sources do not say: texts, defaults of scalars, types of whole structs."""

NOT_REQUIRED = {
    # Kubernetes marks these required in a comment, which no rule of ours carries.
    "ContainerRestartRule": {"action"},
    "ContainerRestartRuleOnExitCodes": {"operator"},
    "ImageVolumeStatus": {"imageRef"},
    "NodeAllocatableResourceClaimStatus": {"resources"},
    "PodCertificateProjection": {"signerName", "keyType"},
}

UNKNOWN = {
    ("NodeAllocatableResourceClaimStatus", "resources"),
    ("PodStatus", "nodeAllocatableResourceClaimStatuses"),
    ("Toleration", "operator"),
}
"""Fields that are still changing: our sources have another state of them than 1.36."""

SIGNALS = {("ContainerStatus", "stopSignal"), ("Lifecycle", "stopSignal")}
"""Texts of which a real server lists every signal of every system: ours are any."""


def bare(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: bare(value) for name, value in schema.items() if name not in WITHOUT}
    return [bare(each) for each in schema] if isinstance(schema, list) else schema


def recorded() -> Iterator[tuple[str, Schema]]:
    for kind in ("Pod", "Deployment"):
        text = golden(f"discovery/openapi.v3.{kind}.json").read_text()
        yield from json.loads(text).items()


def test_schemas_are_those_of_a_real_server() -> None:
    seen = 0
    for name, theirs in recorded():
        ours, short = OURS[name], name.rpartition(".")[2]
        assert ours.get("type") == theirs.get("type"), name
        for field, schema in theirs.get("properties", {}).items():
            if (short, field) in UNKNOWN:
                continue
            if (short, field) in SIGNALS:
                del schema["enum"]
            assert bare(ours["properties"][field]) == bare(schema), (name, field)
            seen += 1
        differing = set(ours.get("required", ())) ^ set(theirs.get("required", ()))
        assert differing == NOT_REQUIRED.get(short, set()), name
    assert seen > 1000


def test_every_kind_names_itself_and_its_list() -> None:
    for resource in SCHEME:
        kinds = OURS[schema_name(resource.message)]["x-kubernetes-group-version-kind"]
        named = {"group": resource.group, "kind": resource.kind, "version": resource.version}
        assert named in kinds


def references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name == "$ref":
                yield value.removeprefix("#/components/schemas/")
            else:
                yield from references(value)
    elif isinstance(schema, list):
        for each in schema:
            yield from references(each)


@pytest.mark.parametrize("resource", list(SCHEME), ids=lambda resource: resource.plural)
def test_documents_hold_all_that_they_refer_to(resource: Any) -> None:
    schemas = schemas_of([resource])
    assert set(references(schemas)) <= set(schemas)


def test_names_are_sorted_and_no_field_is_lost() -> None:
    pod = schemas_of([PODS])["io.k8s.api.core.v1.Pod"]
    assert list(pod["properties"]) == ["apiVersion", "kind", "metadata", "spec", "status"]
    assert pod["properties"]["spec"] == {
        "description": "What is to run, and where it may.",
        "default": {},
        "allOf": [{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec"}],
    }


def test_every_description_is_of_something() -> None:
    described = [schema for schema in OURS.values() if "description" in schema]
    fields = [
        field
        for schema in OURS.values()
        for field in schema.get("properties", {}).values()
        if "description" in field
    ]

    assert len(described) + len(fields) == len(DESCRIPTIONS)


def test_every_enumeration_is_of_a_text() -> None:
    enumerated = [
        field.get("items", field)
        for schema in OURS.values()
        for field in schema.get("properties", {}).values()
        if "enum" in field.get("items", field)
    ]

    assert len(enumerated) == len(VALUES)
    assert all(field["type"] == "string" for field in enumerated)
    assert all(field["enum"] == sorted(field["enum"]) for field in enumerated)


def test_fields_that_may_be_left_out_are_not_required() -> None:
    for name in OPTIONAL:
        message, _, field = name.rpartition(".")
        schema = OURS[f"io.k8s.api.{message}"]
        assert field in schema["properties"]
        assert field not in schema.get("required", ())
