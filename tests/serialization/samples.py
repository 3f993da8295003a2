"""One value for any field, never zero: to show that each field by itself is not lost."""

from __future__ import annotations

from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor

from tests.serialization import strategies as s

_LEAVES: dict[str, dict[str, Any]] = {
    s.QUANTITY: {"string": "100m"},
    s.TIME: {"seconds": 1704164645},
    s.MICRO_TIME: {"seconds": 1704164645, "nanos": 1000},
    s.INT_OR_STRING: {"type": 1, "strVal": "web"},
    s.RAW_EXTENSION: {"raw": b'{"a":1}'},
    s.FIELDS: {"Raw": b'{"f:spec":{}}'},
    s.VERBS: {"items": ["get"]},
}


def sample(field: FieldDescriptor) -> Any:
    """Return a value for a field: two elements where it is a list, one where it is a map."""
    if s.is_map(field):
        return {"key": _one(s.map_value(field))}
    return [_one(field), _one(field)] if field.is_repeated else _one(field)


def _one(field: FieldDescriptor) -> Any:
    if field.message_type is not None:
        leaf = _LEAVES.get(field.message_type.full_name)
        if leaf is not None:
            return leaf
        # The first field that needs no further message, so that the struct is not empty.
        for inner in cast("list[FieldDescriptor]", list(field.message_type.fields)):
            if inner.message_type is None:
                return {inner.name: sample(inner)}
        return {}
    if field.type == FieldDescriptor.TYPE_STRING:
        return "text"
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b"\x00bytes"
    return True if field.type == FieldDescriptor.TYPE_BOOL else 7
