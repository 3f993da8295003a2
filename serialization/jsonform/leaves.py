"""Messages that are no JSON objects: quantities, times, int-or-string, raw JSON, plain lists.

Each has a pair of functions: ``write`` takes the message to a JSON value, ``read`` puts what a JSON
value says into a dictionary of keywords for the message's constructor, and raises LeafError.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final, NamedTuple, NoReturn

from serialization.quantity import QuantityError, canonical
from serialization.times import (
    TimeFormatError,
    format_micro_time,
    format_time,
    parse_micro_time,
    parse_time,
)

Keywords = dict[str, Any]


class LeafError(ValueError):
    """A JSON value that this leaf cannot be."""


class NumberText(float):
    """A JSON number with a fraction or an exponent, which remembers how it was written."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> NumberText:
        number = super().__new__(cls, text)
        number.text = text
        return number


def json_type(value: object) -> str:
    """Name a JSON value's type as Kubernetes' messages do."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def unfit(value: object, wanted: str) -> LeafError:
    """Return the error for a value of another type than ``wanted``."""
    return LeafError(f"json: cannot unmarshal {json_type(value)} into a field of type {wanted}")


def raw_json(tree: object) -> bytes:
    """Write a tree as compact JSON: the one text that both codecs keep for raw JSON."""
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is beyond a double")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# Raw JSON is embedded as a tree; what JSON has no text for must not come out as something else.
_embedded: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant).decode


def _write_quantity(message: Any) -> str:
    return message.string or "0"


def _read_quantity(value: object, into: Keywords) -> None:
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, NumberText):
        text = value.text
    else:
        text = json.dumps(value) if isinstance(value, (bool, int, float)) else "?"
    try:
        into["string"] = canonical(text)
    except QuantityError as error:
        raise LeafError(str(error)) from None


def _write_time(message: Any) -> str | None:
    seconds = message.seconds
    if seconds:
        return format_time(seconds)
    return format_time(0) if message.nanos else None


def _read_time(value: object, into: Keywords) -> None:
    if not isinstance(value, str):
        raise unfit(value, "Time")
    try:
        seconds = parse_time(value)
    except TimeFormatError as error:
        raise LeafError(str(error)) from None
    if seconds:
        into["seconds"] = seconds


def _write_micro_time(message: Any) -> str | None:
    seconds, nanos = message.seconds, message.nanos
    return format_micro_time(seconds, nanos) if seconds or nanos else None


def _read_micro_time(value: object, into: Keywords) -> None:
    if not isinstance(value, str):
        raise unfit(value, "MicroTime")
    try:
        seconds, nanos = parse_micro_time(value)
    except TimeFormatError as error:
        raise LeafError(str(error)) from None
    if seconds:
        into["seconds"] = seconds
    if nanos:
        into["nanos"] = nanos


def _write_int_or_string(message: Any) -> int | str:
    found: int | str = message.strVal if message.type else message.intVal
    return found


def _read_int_or_string(value: object, into: Keywords) -> None:
    if isinstance(value, str):
        into["type"] = 1
        if value:
            into["strVal"] = value
    elif isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31:
        if value:
            into["intVal"] = value
    else:
        raise unfit(value, "int32")


def _write_raw_extension(message: Any) -> object:
    return _embedded(message.raw.decode()) if message.raw else None


def _read_raw_extension(value: object, into: Keywords) -> None:
    into["raw"] = raw_json(value)


def _write_fields(message: Any) -> object:
    return _embedded(message.Raw.decode()) if message.Raw else None


def _read_fields(value: object, into: Keywords) -> None:
    into["Raw"] = raw_json(value)


def _write_items(message: Any) -> list[str]:
    return list(message.items)


def _read_items(value: object, into: Keywords) -> None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise unfit(value, "[]string")
    into["items"] = value


class Leaf(NamedTuple):
    """The two directions of one message that is no JSON object."""

    write: Callable[[Any], Any]
    read: Callable[[object, Keywords], None]
    zero: object
    """What JSON shows where the field is no pointer and absent."""


_ITEMS: Final = Leaf(_write_items, _read_items, None)

LEAVES: Final[Mapping[str, Leaf]] = {
    "kubedyno.resource.Quantity": Leaf(_write_quantity, _read_quantity, "0"),
    "kubedyno.meta.v1.Time": Leaf(_write_time, _read_time, None),
    "kubedyno.meta.v1.MicroTime": Leaf(_write_micro_time, _read_micro_time, None),
    "kubedyno.intstr.IntOrString": Leaf(_write_int_or_string, _read_int_or_string, 0),
    "kubedyno.runtime.RawExtension": Leaf(_write_raw_extension, _read_raw_extension, None),
    "kubedyno.meta.v1.FieldsV1": Leaf(_write_fields, _read_fields, None),
    "kubedyno.meta.v1.Verbs": _ITEMS,
    "kubedyno.authentication.v1.ExtraValue": _ITEMS,
    "kubedyno.authorization.v1.ExtraValue": _ITEMS,
}
"""By the full name of the message."""
