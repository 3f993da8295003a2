"""The normal form of messages: one message for what Kubernetes holds to be one object.

Kubernetes' programs write every field that is no pointer, zero or not; ours write what is set. So
``generateName: ""`` may be present or absent, and means the same. In the normal form such a field
is absent when it is zero: scalars, structs without content, the quantity ``0``, the port 0.
Pointers keep their presence, as do the elements of lists and the values of maps; but a zero time
is no time, wherever it stands.

Decoders do not normalise: it would cost ten times the protobuf decode. Code that reads a field
need not care (an absent field reads as zero); code must not ask ``HasField`` of a field that is no
pointer. Tests and audits compare with ``equal``.
"""

from __future__ import annotations

from typing import Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from serialization.jsonform.plan import rules_of

M = TypeVar("M", bound=Message)

_TIMES: Final = frozenset(("kubedyno.meta.v1.Time", "kubedyno.meta.v1.MicroTime"))
_QUANTITY: Final = "kubedyno.resource.Quantity"


def normalize(message: M) -> M:
    """Bring a message into its normal form, in place, and return it."""
    for descriptor, value in message.ListFields():
        if descriptor.is_repeated:
            _elements(descriptor, value)
        elif isinstance(value, Message):
            normalize(value)
            if _is_empty(value) and (
                not rules_of(descriptor).pointer or value.DESCRIPTOR.full_name in _TIMES
            ):
                message.ClearField(descriptor.name)
        elif value == descriptor.default_value and not rules_of(descriptor).pointer:
            message.ClearField(descriptor.name)
    return message


def _elements(descriptor: FieldDescriptor, values: object) -> None:
    entry = descriptor.message_type
    if entry is None:
        return
    if entry.GetOptions().map_entry:
        assert hasattr(values, "values"), descriptor.full_name
        values = values.values() if entry.fields_by_name["value"].message_type else ()
    for value in values:  # type: ignore[attr-defined]  # upb's containers share no base class
        normalize(value)


def _is_empty(message: Message) -> bool:
    if message.DESCRIPTOR.full_name == _QUANTITY:
        return getattr(message, "string", "") in ("", "0")
    return not message.ByteSize()  # unknown fields count as content


def equal(left: Message, right: Message) -> bool:
    """Tell whether two messages are one object: of one class, and equal in normal form."""
    if type(left) is not type(right):
        return False
    return left == right or _normal(left) == _normal(right)


def _normal(message: M) -> M:
    copy = type(message)()
    copy.CopyFrom(message)
    return normalize(copy)
