"""OpenAPI v3 schemas of the messages, out of the same descriptors and rules as their JSON.

Shapes, names and extensions are those of Kubernetes' own documents; descriptions are our own, and
only the commonest fields have one (``descriptions``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from serialization.api import rules_pb2
from serialization.descriptions import DESCRIPTIONS
from serialization.enumerations import OPTIONAL, VALUES
from serialization.jsonform.plan import Container, JsonField, Plan, Shape, plan_of, rules_of
from serialization.scheme import Resource

Schema = dict[str, Any]
"""A JSON tree: what a document of OpenAPI holds."""

PACKAGES: Final = {
    "kubedyno.meta": "io.k8s.apimachinery.pkg.apis.meta",
    "kubedyno.resource": "io.k8s.apimachinery.pkg.api.resource",
    "kubedyno.runtime": "io.k8s.apimachinery.pkg.runtime",
    "kubedyno.intstr": "io.k8s.apimachinery.pkg.util.intstr",
}
"""Where Kubernetes' documents file what is no API group; those are ``io.k8s.api.GROUP.VERSION``."""

_NUMBERS: Final = {
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_INT64: {"type": "integer", "format": "int64"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "format": "int64"},
    FieldDescriptor.TYPE_UINT64: {"type": "integer", "format": "int64"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "format": "byte"},
}

LEAF_SCHEMAS: Final[dict[str, Schema]] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {
        "oneOf": [{"type": "string"}, {"type": "number"}]
    },
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": {"type": "string", "format": "date-time"},
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": {"type": "string", "format": "date-time"},
}
"""The messages that are no JSON objects; raw JSON and the rest of them are plain objects."""


def schema_name(message: type[Message]) -> str:
    """Return the name under which documents file a message."""
    return _name(cast("Descriptor", message.DESCRIPTOR))


def _name(descriptor: Descriptor) -> str:
    package, _, name = descriptor.full_name.rpartition(".")
    for ours, theirs in PACKAGES.items():
        if package == ours or package.startswith(f"{ours}."):
            return f"{theirs}{package.removeprefix(ours)}.{name}"
    return f"io.k8s.api.{package.removeprefix('kubedyno.')}.{name}"


def schemas_of(resources: Iterable[Resource]) -> dict[str, Schema]:
    """Return the schemas of kinds and of all that they are made of, by name, sorted."""
    kinds: dict[str, list[Mapping[str, str]]] = {}
    waiting: list[type[Message]] = []
    for resource in resources:
        for kind, message in (
            (resource.kind, resource.message),
            (resource.list_kind, resource.list_message),
        ):
            if message is None:
                continue
            waiting.append(message)
            served = {"group": resource.group, "kind": kind, "version": resource.version}
            kinds.setdefault(schema_name(message), []).append(served)
    found: dict[str, Schema] = {}
    while waiting:
        plan = plan_of(waiting.pop())
        name = schema_name(plan.message)
        if name in found:
            continue
        found[name] = _schema(plan, typed=name in kinds)
        if name in kinds:
            found[name]["x-kubernetes-group-version-kind"] = kinds[name]
        for field in plan.fields:
            if field.shape is Shape.OBJECT:
                waiting.append(field.message)
            elif field.leaf is not None:
                leaf = _leaf_name(field)
                found[leaf] = LEAF_SCHEMAS.get(leaf, {"type": "object"})
    return dict(sorted(found.items()))


def _leaf_name(field: JsonField) -> str:
    assert field.element.message_type is not None, field.name
    return _name(field.element.message_type)


def _schema(plan: Plan, *, typed: bool) -> Schema:
    told = cast("Descriptor", plan.message.DESCRIPTOR).full_name.removeprefix("kubedyno.")
    properties: dict[str, Schema] = {}
    if typed:
        properties = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
    for field in plan.fields:
        name = f"{told}.{field.name}"
        properties[field.name] = _described(name) | _with_values(name, _property(field))
    schema: Schema = {**_described(told), "type": "object"}
    required = [
        field.name
        for field in plan.fields
        if _is_required(field) and f"{told}.{field.name}" not in OPTIONAL
    ]
    if required:
        schema["required"] = required
    if properties:
        schema["properties"] = dict(sorted(properties.items()))
    return schema


def _described(name: str) -> Schema:
    return {"description": DESCRIPTIONS[name]} if name in DESCRIPTIONS else {}


def _with_values(name: str, schema: Schema) -> Schema:
    if name in VALUES:
        schema.get("items", schema)["enum"] = list(VALUES[name])
    return schema


def _is_required(field: JsonField) -> bool:
    return not rules_of(field.descriptor).omitempty


def _property(field: JsonField) -> Schema:
    value = _value(field)
    if field.container is Container.LIST:
        return {"type": "array", "items": value, **_list_rules(field)}
    if field.container is Container.MAP:
        return {"type": "object", "additionalProperties": value, **_struct_rules(field)}
    if "$ref" not in value:
        if _is_required(field) and not field.pointer and field.shape is Shape.SCALAR:
            value["default"] = field.zero
        return value
    schema: Schema = {} if field.pointer else {"default": {}}
    if field.leaf is not None:
        schema = {}
    return {**schema, "allOf": [value], **_struct_rules(field)}


def _value(field: JsonField) -> Schema:
    element = field.element
    if element.message_type is not None:
        return {"$ref": f"#/components/schemas/{_name(element.message_type)}"}
    return dict(_NUMBERS.get(element.type, {"type": "string"}))


def _list_rules(field: JsonField) -> Schema:
    rules = rules_of(field.descriptor)
    found: Schema = {}
    if rules.list_map_keys:
        found["x-kubernetes-list-map-keys"] = list(rules.list_map_keys)
    if rules.list_type:
        found["x-kubernetes-list-type"] = rules.list_type
    return found | _patch_rules(rules)


def _struct_rules(field: JsonField) -> Schema:
    rules = rules_of(field.descriptor)
    found = _patch_rules(rules)
    if rules.struct_type:
        found["x-kubernetes-map-type"] = rules.struct_type
    return found


def _patch_rules(rules: rules_pb2.Rules) -> Schema:
    found: Schema = {}
    if rules.patch_merge_key:
        found["x-kubernetes-patch-merge-key"] = rules.patch_merge_key
    if rules.patch_strategy:
        found["x-kubernetes-patch-strategy"] = rules.patch_strategy
    return found
