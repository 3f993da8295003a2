"""Random messages and random JSON, made from the descriptors; nothing here uses the codecs.

Values come from short tables of pairs (what is sent, what normal form makes of it), taken from
the recorded answers of a real Kubernetes. ``ALL_MESSAGES`` is every message that a kind can hold.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from serialization.api import rules_pb2
from serialization.kinds import SCHEME
from serialization.meta_kinds import META_MESSAGES

QUANTITIES: Final = {
    "100m": "100m", "1": "1", "1.0": "1", "0.5": "500m", ".5": "500m", "1000": "1k", "1024": "1024",
    "1e3": "1e3", "12e-1": "1200e-3", "10e-2": "100e-3", "1000k": "1M", "2048Mi": "2Gi",
    "0.5Gi": "512Mi", "1.5Ki": "1536", "1.1Ki": "1126400m", "0.1Gi": "107374182400m", "+1": "+1",
    "01": "01", "1.": "1.", "0": "0", "000": "0", "0e5": "0", "1n": "1n", "0.0001": "100u",
    "12345.678901": "12345.678901", "9223372036854775808": "9223372036854775808", "1E3": "1E3",
    "1e19": "10e18", "9Ei": "9223372036854775807",
}  # fmt: skip
TIMES: Final = {
    "2024-01-02T03:04:05Z": (1704164645, "2024-01-02T03:04:05Z"),
    "2024-01-02T05:04:05+02:00": (1704164645, "2024-01-02T03:04:05Z"),
    "2024-01-02T03:04:05.987Z": (1704164645, "2024-01-02T03:04:05Z"),
    "2024-02-29T23:59:59Z": (1709251199, "2024-02-29T23:59:59Z"),
    "1969-12-31T23:59:59Z": (-1, "1969-12-31T23:59:59Z"),
    "0001-01-01T00:00:00Z": (0, None),
    "9999-12-31T23:59:59Z": (253402300799, "9999-12-31T23:59:59Z"),
}
MICRO_TIMES: Final = {
    "2024-01-02T03:04:05.000000Z": (1704164645, 0, "2024-01-02T03:04:05.000000Z"),
    "2024-01-02T05:04:05.500000+02:00": (1704164645, 500_000_000, "2024-01-02T03:04:05.500000Z"),
    "2024-01-02T03:04:05.000001Z": (1704164645, 1000, "2024-01-02T03:04:05.000001Z"),
}
RAW_JSON: Final[tuple[Any, ...]] = (
    {}, {"f:metadata": {"f:labels": {".": {}, 'k:{"a":"b"}': {}}}}, {"ü": [1, "x", None, True]},
    [], "text", 7, -(2**70), 1.5, [[[{"a": "<&>\u2028"}]]],
)  # fmt: skip
TEXTS: Final = (
    "",
    "a",
    "web",
    "ünï 漢字 🚀",
    '"q" \\ <&> \u2028 \t\n',
    "0",
    "true",
    "null",
    "a" * 70,
)

QUANTITY: Final = "kubedyno.resource.Quantity"
TIME: Final = "kubedyno.meta.v1.Time"
MICRO_TIME: Final = "kubedyno.meta.v1.MicroTime"
INT_OR_STRING: Final = "kubedyno.intstr.IntOrString"
RAW_EXTENSION: Final = "kubedyno.runtime.RawExtension"
FIELDS: Final = "kubedyno.meta.v1.FieldsV1"
VERBS: Final = "kubedyno.meta.v1.Verbs"
LEAVES: Final = frozenset((QUANTITY, TIME, MICRO_TIME, INT_OR_STRING, RAW_EXTENSION, FIELDS, VERBS))

DEPTH_MAX: Final = 7
FIELDS_PER_MESSAGE_MAX: Final = 4


def descriptor_of(message: type[Message]) -> Descriptor:
    return cast("Descriptor", message.DESCRIPTOR)


def inner(field: FieldDescriptor) -> Descriptor:
    """The message of a field that has one."""
    assert field.message_type is not None, field.full_name
    return field.message_type


def rules(field: FieldDescriptor) -> rules_pb2.Rules:
    return field.GetOptions().Extensions[rules_pb2.rules]


def is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def map_value(field: FieldDescriptor) -> FieldDescriptor:
    return inner(field).fields_by_name["value"]


def json_fields(message: Descriptor) -> list[FieldDescriptor]:
    """The fields of a message's JSON object in order, those of inlined messages in their place."""
    found: list[FieldDescriptor] = []
    for field in cast("list[FieldDescriptor]", list(message.fields)):
        inlined = rules(field).inline and field.message_type is not None
        found += json_fields(inner(field)) if inlined else [field]
    return found


def _reachable() -> dict[str, Descriptor]:
    found: dict[str, Descriptor] = {}
    todo = [descriptor_of(r.message) for r in SCHEME]
    todo += [descriptor_of(r.list_message) for r in SCHEME if r.list_message is not None]
    todo += [descriptor_of(message) for message in META_MESSAGES.values()]
    while todo:
        message = todo.pop()
        if message.full_name not in found:
            found[message.full_name] = message
            todo += [f.message_type for f in message.fields if f.message_type is not None]
    return {name: found[name] for name in sorted(found)}


_REACHABLE: Final = _reachable()
ALL_MESSAGES: Final[tuple[type[Message], ...]] = tuple(
    GetMessageClass(message)
    for name, message in _REACHABLE.items()
    if name not in LEAVES and not message.GetOptions().map_entry
)
"""Every message that is a JSON object and can stand somewhere in a kind."""


def compact(tree: object) -> bytes:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


def integers(field: FieldDescriptor) -> st.SearchStrategy[int]:
    bits = 31 if field.type == FieldDescriptor.TYPE_INT32 else 63
    return st.sampled_from((0, 1, -1, 80, 2**bits - 1, -(2**bits)))


def scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.type == FieldDescriptor.TYPE_STRING:
        return st.sampled_from(TEXTS)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.sampled_from((b"", b"a", b"\x00\xff", "ü".encode(), bytes(range(256))))
    return integers(field)


def leaf_messages(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Constructor keywords of a leaf in the form in which a decoder leaves it."""
    if name == QUANTITY:
        return st.sampled_from([{"string": text} for text in QUANTITIES.values()])
    if name == TIME:
        return st.sampled_from([{"seconds": s} for s, _ in TIMES.values() if s])
    if name == MICRO_TIME:
        return st.sampled_from([{"seconds": s, "nanos": n} for s, n, _ in MICRO_TIMES.values()])
    if name == INT_OR_STRING:
        numbers = [{"intVal": n} for n in (1, 80, -1, 2**31 - 1)]
        return st.sampled_from([*numbers, {"type": 1, "strVal": "web"}, {"type": 1}, {}])
    if name == VERBS:
        return st.sampled_from([{"items": ["get", "list"]}, {"items": ["watch"]}])
    key = "Raw" if name == FIELDS else "raw"
    return st.sampled_from([{key: compact(tree)} for tree in RAW_JSON])


@st.composite
def keywords(draw: st.DrawFn, message: Descriptor, depth: int = 0) -> dict[str, Any]:
    """Constructor keywords of a random message."""
    if message.full_name in LEAVES:
        return draw(leaf_messages(message.full_name))
    fields = [f for f in message.fields if depth < DEPTH_MAX or f.message_type is None]
    if not fields:
        return {}
    few = FIELDS_PER_MESSAGE_MAX if depth else 2 * FIELDS_PER_MESSAGE_MAX
    chosen = draw(st.lists(st.sampled_from(fields), max_size=few, unique_by=lambda f: f.name))
    return {field.name: draw(_values(field, depth + 1)) for field in chosen}


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if is_map(field):
        keys = st.sampled_from(("a", "b/c", "cpu", "ü", ""))
        return st.dictionaries(keys, _one(map_value(field), depth), max_size=2)
    if field.is_repeated:
        return st.lists(_one(field, depth), max_size=2)
    return _one(field, depth)


def _one(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is None:
        return scalars(field)
    return keywords(field.message_type, depth)


def messages(message: type[Message]) -> st.SearchStrategy[Message]:
    """Random messages of a class, not in normal form."""
    return keywords(descriptor_of(message)).map(lambda fields: message(**fields))


def leaf_trees(name: str) -> st.SearchStrategy[Any]:
    """JSON values that a leaf may be sent as."""
    tables: dict[str, list[Any]] = {
        QUANTITY: [*QUANTITIES, 1, 2500],
        TIME: list(TIMES),
        MICRO_TIME: list(MICRO_TIMES),
        INT_OR_STRING: [0, 80, "", "web", "80"],
        VERBS: [["get"], []],
    }
    return st.sampled_from(tables.get(name) or list(RAW_JSON))


@st.composite
def json_trees(draw: st.DrawFn, message: Descriptor, depth: int = 0) -> Any:
    """JSON that may be sent for a message: with nulls, empty things and unknown fields."""
    if message.full_name in LEAVES:
        return draw(leaf_trees(message.full_name))
    fields = [f for f in json_fields(message) if depth < DEPTH_MAX or f.message_type is None]
    few = FIELDS_PER_MESSAGE_MAX if depth else 2 * FIELDS_PER_MESSAGE_MAX
    chosen: list[FieldDescriptor] = []
    if fields:
        picks = st.lists(st.sampled_from(fields), max_size=few, unique_by=lambda f: f.json_name)
        chosen = draw(picks)
    tree = {f.json_name: draw(st.none() | _trees(f, depth + 1)) for f in chosen}
    if draw(st.integers(0, 9)) == 0:
        tree["noSuchField"] = {"a": [1, None]}
    return tree


def _trees(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if is_map(field):
        keys = st.sampled_from(("a", "b/c", "cpu", "ü", ""))
        return st.dictionaries(keys, _tree(map_value(field), depth), max_size=2)
    if field.is_repeated:
        return st.lists(_tree(field, depth), max_size=2)
    return _tree(field, depth)


def _tree(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return json_trees(field.message_type, depth)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.sampled_from(("", "YQ==", "AP8="))
    return scalars(field)
