"""What the descriptors and their rules say about a message's JSON, worked out once per message.

A plan flattens inlined messages: its fields are the JSON fields of the object, each with the way
to the message's own field (``path`` has more than one name where a field stands in an inlined
message).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from serialization.api import rules_pb2
from serialization.jsonform.leaves import LEAVES, Leaf

# Kubernetes 1.36 leaves this struct out when it is zero, alone of all that are no pointers.
OMITTED_WHEN_ZERO: Final = frozenset({"kubedyno.meta.v1.ObjectMeta.creationTimestamp"})

# Objects within objects that name their type in JSON: (apiVersion, kind).
TYPED_WITHIN: Final = {
    "kubedyno.apps.v1.StatefulSetSpec.volumeClaimTemplates": ("v1", "PersistentVolumeClaim"),
}


class Shape(Enum):
    """How a field's value is built."""

    SCALAR = auto()
    BYTES = auto()
    LEAF = auto()
    OBJECT = auto()


class Container(Enum):
    """How many values a field has."""

    ONE = auto()
    LIST = auto()
    MAP = auto()


class Absent(Enum):
    """What JSON shows for a field that is absent or zero."""

    OMIT = auto()
    """Nothing."""
    WRITE = auto()
    """Its zero value, or null."""


@dataclass(frozen=True, slots=True)
class JsonField:
    """One field of a JSON object."""

    name: str
    path: tuple[str, ...]
    descriptor: FieldDescriptor
    """The field itself; of a map, the descriptor of the map field."""
    element: FieldDescriptor
    """The field, or of a map the field of its values."""
    container: Container
    shape: Shape
    leaf: Leaf | None
    pointer: bool
    absent: Absent
    zero: object
    """The zero value that JSON shows; objects are built by the encoder instead."""
    type_meta: tuple[str, str] | None = None
    """apiVersion and kind, where the values carry them in JSON."""

    @property
    def message(self) -> type[Message]:
        """Return the class of its value, where that is a message."""
        return class_of(self.element)

    @property
    def omits_zero(self) -> bool:
        """Tell whether a present zero is left out as well (it is no pointer)."""
        return self.absent is Absent.OMIT and not self.pointer


@dataclass(frozen=True, slots=True)
class Plan:
    """All JSON fields of one message, in the order in which Kubernetes writes them."""

    message: type[Message]
    fields: tuple[JsonField, ...]
    names: tuple[str, ...]
    by_name: dict[str, JsonField] = field(hash=False)
    flat: bool
    """No inlined messages and no renamed fields: JSON names are the constructor's keywords."""
    typed: bool
    """It is a kind: its JSON may carry ``kind`` and ``apiVersion``, which the message lacks."""


def class_of(element: FieldDescriptor) -> type[Message]:
    """Return the generated class of a message field's values."""
    assert element.message_type is not None, element.full_name
    found: type[Message] = GetMessageClass(element.message_type)
    return found


def fields_of(descriptor: Descriptor) -> list[FieldDescriptor]:
    """Return the fields in the order of their declaration."""
    return cast("list[FieldDescriptor]", list(descriptor.fields))


def rules_of(descriptor: FieldDescriptor) -> rules_pb2.Rules:
    """Return the rules that ride on a field."""
    return descriptor.GetOptions().Extensions[rules_pb2.rules]


def plan_of(message: type[Message]) -> Plan:
    """Return the plan of a message class."""
    made = _PLANS.get(message)
    if made is None:
        made = _PLANS[message] = _make(message)
    return made


# A memo: what is worked out from a descriptor never changes.
_PLANS: Final[dict[type[Message], Plan]] = {}


def _make(message: type[Message]) -> Plan:
    descriptor = cast("Descriptor", message.DESCRIPTOR)
    fields = tuple(_fields(descriptor, ()))
    return Plan(
        message=message,
        fields=fields,
        names=tuple(f.name for f in fields),
        by_name={f.name: f for f in fields},
        flat=all(f.path == (f.name,) for f in fields),
        typed=_is_kind(descriptor),
    )


def _is_kind(descriptor: Descriptor) -> bool:
    """Tell a kind: it is a list, or the items of a list of its own (PodTemplateSpec is none)."""
    beside = descriptor.file.message_types_by_name
    return "metadata" in descriptor.fields_by_name and (
        f"{descriptor.name}List" in beside or descriptor.name.endswith("List")
    )


def _fields(descriptor: Descriptor, path: tuple[str, ...]) -> list[JsonField]:
    found: list[JsonField] = []
    for each in fields_of(descriptor):
        if rules_of(each).inline and each.message_type is not None:
            found += _fields(each.message_type, (*path, each.name))
        else:
            found.append(_field(each, path))
    return found


def _field(descriptor: FieldDescriptor, path: tuple[str, ...]) -> JsonField:
    rules = rules_of(descriptor)
    container, element = _container(descriptor)
    leaf = LEAVES.get(element.message_type.full_name) if element.message_type else None
    shape = _shape(element, leaf)
    absent = _absent(descriptor, container, shape)
    return JsonField(
        name=descriptor.json_name,
        path=(*path, descriptor.name),
        descriptor=descriptor,
        element=element,
        container=container,
        shape=shape,
        leaf=leaf,
        pointer=rules.pointer,
        absent=absent,
        zero=_zero(descriptor, container, shape, leaf),
        type_meta=TYPED_WITHIN.get(descriptor.full_name),
    )


def _container(descriptor: FieldDescriptor) -> tuple[Container, FieldDescriptor]:
    if not descriptor.is_repeated:
        return Container.ONE, descriptor
    entry = descriptor.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return Container.MAP, entry.fields_by_name["value"]
    return Container.LIST, descriptor


def _shape(element: FieldDescriptor, leaf: Leaf | None) -> Shape:
    if leaf is not None:
        return Shape.LEAF
    if element.message_type is not None:
        return Shape.OBJECT
    return Shape.BYTES if element.type == FieldDescriptor.TYPE_BYTES else Shape.SCALAR


def _absent(descriptor: FieldDescriptor, container: Container, shape: Shape) -> Absent:
    """Apply omitempty: it counts for pointers, scalars and collections, not for structs."""
    rules = rules_of(descriptor)
    if descriptor.full_name in OMITTED_WHEN_ZERO:
        return Absent.OMIT
    if not rules.omitempty:
        return Absent.WRITE
    struct = container is Container.ONE and shape in (Shape.LEAF, Shape.OBJECT)
    return Absent.WRITE if struct and not rules.pointer else Absent.OMIT


def _zero(
    descriptor: FieldDescriptor, container: Container, shape: Shape, leaf: Leaf | None
) -> Any:
    if container is Container.LIST:
        # Kubernetes makes the items of a list first, and writes [] for none; all else is null.
        owner = descriptor.containing_type
        is_list = descriptor.name == "items" and owner is not None and owner.name.endswith("List")
        return [] if is_list else None
    if container is Container.MAP or rules_of(descriptor).pointer or shape is Shape.BYTES:
        return None
    if leaf is not None:
        return leaf.zero
    return None if shape is Shape.OBJECT else descriptor.default_value
