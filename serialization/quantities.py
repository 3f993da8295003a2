"""The quantities inside a message that came as protobuf: judged, and put into canonical form.

JSON decoding does both by itself; protobuf carries a quantity as a string, and the library takes
any. Kubernetes parses it on either way in, so a server has to. Written for speed: what leads to a
quantity is found once per message type, and the same few quantities come again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from serialization.api.resource_pb2 import Quantity
from serialization.errors import DecodeError
from serialization.quantity import MEMO_MAX, MEMO_TEXT_MAX, QuantityError, canonical

_QUANTITY: Final = Quantity.DESCRIPTOR.full_name
_canonical_short: Final = lru_cache(maxsize=MEMO_MAX)(canonical)


class _Step(NamedTuple):
    """A field on the way to a quantity."""

    name: str
    json_name: str
    repeated: bool
    map: bool
    below: Descriptor | None
    """The message to go on in; None where the field (or its elements) are quantities."""


def settle_quantities(message: Message, *, settled: str = "") -> None:
    """Put every quantity of a message into canonical form, in place.

    ``settled`` names a field that needs no look, for all within is known to be in that form.
    Raises DecodeError, with the path of the first one that is none.
    """
    descriptor = cast("Descriptor", message.DESCRIPTOR)
    try:
        _settle(message, descriptor, settled)
    except QuantityError as error:
        raise DecodeError(str(error), _path_of_fault(message, descriptor)) from None


def _settle(message: Any, descriptor: Descriptor, settled: str = "") -> None:
    """Walk without keeping a path: that is looked for again where there is a fault to name."""
    for name, _, repeated, is_map, below in _steps(descriptor):
        if name == settled:
            continue
        if repeated:
            values = getattr(message, name)
            if is_map and values:
                values = values.values()
        elif message.HasField(name):
            values = (getattr(message, name),)
        else:
            continue
        if below is None:
            _settle_each(values)
        else:
            for value in values:
                _settle(value, below)


def _settle_each(quantities: Iterable[Quantity]) -> None:
    for quantity in quantities:
        text = quantity.string
        if text:
            settled = _canonical(text)
            if settled != text:
                quantity.string = settled


def _canonical(text: str) -> str:
    return _canonical_short(text) if len(text) <= MEMO_TEXT_MAX else canonical(text)


def _path_of_fault(message: Any, descriptor: Descriptor) -> str:
    """Return the path of the first quantity that is none, or an empty string."""
    for step in _steps(descriptor):
        for place, value in _values(message, step):
            if step.below is not None:
                deeper = _path_of_fault(value, step.below)
                if deeper:
                    return f"{place}.{deeper}"
            elif value.string and not _is_quantity(value.string):
                return place
    return ""


def _values(message: Any, step: _Step) -> Iterator[tuple[str, Any]]:
    """Yield the values of a field, each with its place in JSON."""
    if step.map:
        for key, value in getattr(message, step.name).items():
            yield f"{step.json_name}.{key}", value
    elif step.repeated:
        for index, value in enumerate(getattr(message, step.name)):
            yield f"{step.json_name}[{index}]", value
    elif message.HasField(step.name):
        yield step.json_name, getattr(message, step.name)


def _is_quantity(text: str) -> bool:
    try:
        _canonical(text)
    except QuantityError:
        return False
    return True


@cache
def _steps(descriptor: Descriptor) -> tuple[_Step, ...]:
    """Return the fields of a message that lead to a quantity."""
    found = (_step(field) for field in descriptor.fields)
    return tuple(step for step in found if step is not None)


def _step(field: FieldDescriptor) -> _Step | None:
    below, is_map = field.message_type, False
    if below is not None and below.GetOptions().map_entry:
        below, is_map = below.fields_by_name["value"].message_type, True
    if below is None:
        return None
    is_quantity = below.full_name == _QUANTITY
    if not is_quantity and not _steps(below):
        return None
    repeated = field.is_repeated
    json_name = field.json_name
    return _Step(field.name, json_name, repeated, is_map, None if is_quantity else below)
