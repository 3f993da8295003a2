"""The protobuf wire, by hand: lengths to put around bytes, and the place where bytes are torn.

``find_fault`` reads a message's bytes beside its descriptor, field by field. It is far slower than
the library and is asked only about bytes that the library has refused, to name the field.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from serialization.errors import DecodeError

M = TypeVar("M", bound=Message)

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES: Final = {_FIXED64: 8, _FIXED32: 4}
# The library's own limit.
_DEPTH_MAX: Final = 100

_WIRE_TYPES: Final = {
    FieldDescriptor.TYPE_STRING: _BYTES,
    FieldDescriptor.TYPE_BYTES: _BYTES,
    FieldDescriptor.TYPE_MESSAGE: _BYTES,
    FieldDescriptor.TYPE_DOUBLE: _FIXED64,
    FieldDescriptor.TYPE_FLOAT: _FIXED32,
}


def varint(value: int) -> bytes:
    """Encode an unsigned base-128 integer."""
    if value < 0x80:
        return bytes((value,))
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the integer at a place, and the place behind it. Raises DecodeError."""
    value = shift = 0
    for index in range(at, min(at + 10, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, index + 1
        shift += 7
    raise DecodeError("a torn number" if at + 10 > len(data) else "a number above 64 bits")


def delimited(tag: int, value: bytes) -> bytes:
    """Return a field of bytes: tag, length, value. ``tag`` is below 128."""
    return b"%c%b%b" % (tag, varint(len(value)), value)


class Field(NamedTuple):
    """One field as it stands on the wire; ``value`` is an integer or bytes by its wire type."""

    number: int
    wire_type: int
    value: int | bytes


def read_field(data: bytes, at: int) -> tuple[Field, int]:
    """Return the field at a place, and the place behind it. Raises DecodeError."""
    tag, at = read_varint(data, at)
    number, wire_type = tag >> 3, tag & 7
    if number == 0 or number >= 1 << 29:
        raise DecodeError(f"no field has the number {number}")
    if wire_type == _VARINT:
        value, at = read_varint(data, at)
        return Field(number, wire_type, value), at
    if wire_type == _BYTES:
        length, at = read_varint(data, at)
    elif wire_type in _FIXED_BYTES:
        length = _FIXED_BYTES[wire_type]
    else:
        raise DecodeError(f"wire type {wire_type} of field {number} is not in use")
    if at + length > len(data):
        raise DecodeError(
            f"field {number} needs {length} bytes, {max(0, len(data) - at)} are there"
        )
    return Field(number, wire_type, data[at : at + length]), at + length


def find_fault(message: Descriptor, data: bytes) -> DecodeError | None:
    """Return what is wrong with a message's bytes, with the path; None where nothing is found.

    A field of another wire type than its own is a fault here, though the library takes it for an
    unknown field.
    """
    try:
        _walk(message, data, "", 0)
    except DecodeError as error:
        return error
    return None


def check_wire_types(message: M, data: bytes) -> M:
    """Return the message decoded from ``data``, or refuse it for a known field's wire type.

    The library keeps a field of a wrong wire type among the unknown ones. So a message without
    unknown fields is in order, which is seen by dropping them (2.5 us); only one that had some is
    decoded again and looked at by hand. Fields of later versions are kept.
    Raises DecodeError, with the path.
    """
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() == size:
        return message
    fault = find_fault(cast("Descriptor", message.DESCRIPTOR), data)
    if fault is not None:
        raise fault
    return type(message).FromString(data)


def _walk(message: Descriptor, data: bytes, path: str, depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise DecodeError("nested too deep", path)
    fields = cast("dict[int, FieldDescriptor]", message.fields_by_number)
    counts: dict[int, int] = {}
    at = 0
    while at < len(data):
        try:
            found, at = read_field(data, at)
        except DecodeError as error:
            raise DecodeError(error.reason, path) from None
        field = fields.get(found.number)
        if field is None:
            continue
        index = counts.get(found.number, 0)
        counts[found.number] = index + 1
        _check(field, found, _path_of(field, path, index), depth)


def _path_of(field: FieldDescriptor, path: str, index: int) -> str:
    here = f"{path}.{field.json_name}" if path else field.json_name
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return here
    return f"{here}[{index}]" if field.is_repeated else here


def _check(field: FieldDescriptor, found: Field, path: str, depth: int) -> None:
    wanted = _WIRE_TYPES.get(field.type, _VARINT)
    if found.wire_type != wanted:
        raise DecodeError(f"wire type {found.wire_type} where {wanted} belongs", path)
    if isinstance(found.value, int):
        return
    if field.type == FieldDescriptor.TYPE_STRING:
        try:
            found.value.decode()
        except UnicodeDecodeError as error:
            raise DecodeError(f"no UTF-8: {error.reason} at byte {error.start}", path) from None
    elif field.message_type is not None:
        _walk(field.message_type, found.value, path, depth + 1)
