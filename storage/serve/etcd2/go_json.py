"""JSON in a request's body, read as Go reads it into a record: names in any case, nothing too much.

What Go says of a body that it cannot read is told to clients, so it is said in its words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

_AT: Final = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": (
        "looking for beginning of object key string"
    ),
    "Expecting ':' delimiter": "after object key",
    "Extra data": "after top-level value",
}
_KINDS: Final = {str: "string", bool: "bool", int: "number", float: "number", list: "array"}
_SPACE: Final = " \t\r\n"


class JsonError(Exception):
    """A body is no such record; the message is Go's."""


def read_record(body: bytes, names: Iterable[str], *, whole: bool = True) -> dict[str, object]:
    """Return the fields of a record that are told and not null. Raises JsonError.

    Others are ignored. ``whole``: nothing may follow.
    """
    told = _read(body, whole=whole)
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise JsonError(f"json: cannot unmarshal {kind(told)} into Go value")
    known = {name.lower(): name for name in names}
    found = {known.get(name.lower(), ""): value for name, value in told.items()}
    return {name: value for name, value in found.items() if name and value is not None}


def kind(told: object) -> str:
    """Return Go's word for what was told."""
    return _KINDS.get(type(told), "object")


def _read(body: bytes, *, whole: bool) -> object:
    text = body.decode(errors="replace").lstrip(_SPACE)
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    try:
        told: object
        told, end = decoder.raw_decode(text)
    except json.JSONDecodeError as error:
        raise JsonError(_reason(text, error.msg, error.pos)) from error
    except RecursionError as error:
        raise JsonError("exceeded max depth") from error
    rest = text[end:].lstrip(_SPACE)
    if whole and rest:
        raise JsonError(_reason(rest, "Extra data", 0))
    return told


def _reason(text: str, found: str, place: int) -> str:
    if place >= len(text) or found.startswith("Unterminated"):
        return "unexpected end of JSON input"
    return f"invalid character {text[place]!r} {_AT.get(found, 'after object key:value pair')}"


def _no_constant(name: str) -> object:
    raise JsonError(f"invalid character {name[0]!r} looking for beginning of value")
