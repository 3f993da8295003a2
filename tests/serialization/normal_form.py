"""The normal form of JSON, written from the rules and from nothing that the codecs are made of.

A JSON object is in normal form when it has exactly what Kubernetes answers: known fields only, in
the order of declaration; fields with omitempty left out when they are null, zero or empty, unless
they are pointers (present ones are kept, zero or not); structs that are no pointers always there;
the rest as its zero value, null for collections. Quantities and times in canonical text.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tests.serialization import strategies as s

_ABSENT = object()


def normal_form(tree: dict[str, Any], message: Descriptor) -> dict[str, Any]:
    """Return the normal form of a JSON object of a message."""
    out: dict[str, Any] = {}
    for field in s.json_fields(message):
        value = _field(field, tree.get(field.json_name))
        if value is not _ABSENT:
            out[field.json_name] = value
    return out


def _field(field: FieldDescriptor, value: Any) -> Any:
    rules = s.rules(field)
    if s.is_map(field) or field.is_repeated:
        if not value:
            return _ABSENT if rules.omitempty else _no_elements(field)
        if s.is_map(field):
            return {k: _element(s.map_value(field), v) for k, v in sorted(value.items())}
        return [_element(field, v) for v in value]
    if field.message_type is None:
        return _scalar(field, value)
    return _struct(field, value)


def _struct(field: FieldDescriptor, value: Any) -> Any:
    rules = s.rules(field)
    if rules.pointer and value is None:
        return _ABSENT if rules.omitempty else None
    made = _element(field, value)
    # A zero time is no time; and one struct that is no pointer is left out by Kubernetes 1.36.
    zero_time = made is None and rules.pointer and rules.omitempty
    left_out = field.full_name == "kubedyno.meta.v1.ObjectMeta.creationTimestamp"
    return _ABSENT if zero_time or (made is None and left_out) else made


def _no_elements(field: FieldDescriptor) -> Any:
    """Null, but for the items of lists."""
    owner = field.containing_type
    is_list = field.name == "items" and owner is not None and owner.name.endswith("List")
    return [] if is_list else None


def _scalar(field: FieldDescriptor, value: Any) -> Any:
    rules = s.rules(field)
    if rules.pointer:
        if value is None:
            return _ABSENT if rules.omitempty else None
        return value
    if value in (None, field.default_value, ""):
        if rules.omitempty:
            return _ABSENT
        return None if field.type == FieldDescriptor.TYPE_BYTES else field.default_value
    return value


def _element(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is None:
        if value is not None:
            return value
        return "" if field.type == FieldDescriptor.TYPE_BYTES else field.default_value
    if field.message_type.full_name in s.LEAVES:
        return _leaf(field.message_type.full_name, value)
    tree = normal_form(value or {}, field.message_type)
    if field.full_name == "kubedyno.apps.v1.StatefulSetSpec.volumeClaimTemplates":
        tree = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", **tree}
    return tree


def _leaf(name: str, value: Any) -> Any:
    if name == s.QUANTITY:
        numbers = {None: "0", 1: "1", 2500: "2500"}
        return numbers[value] if value in numbers else s.QUANTITIES[value]
    if name == s.TIME:
        return s.TIMES[value][1] if value is not None else None
    if name == s.MICRO_TIME:
        return s.MICRO_TIMES[value][2] if value is not None else None
    if name == s.INT_OR_STRING:
        return value if value is not None else 0
    if name == s.VERBS:
        return value or None
    return value
