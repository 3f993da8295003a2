"""JSON text to trees with nothing lost: duplicate keys, and numbers as they were written.

The exact way in, by the standard library; only input that the fast way refuses comes here.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from serialization.errors import DecodeError
from serialization.jsonform.decode import ObjectWithDuplicates
from serialization.jsonform.leaves import NumberText

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


def object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object, marked where a key stands in it twice."""
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    seen: set[str] = set()
    twice: list[str] = []
    for name, _ in pairs:
        if name in seen and name not in twice:
            twice.append(name)
        seen.add(name)
    marked = ObjectWithDuplicates(made)
    marked.duplicates = twice
    return marked


def object_of_single_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; raise ValueError where a key stands in it twice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands in an object twice")
    return made


def no_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python's library would take."""
    raise ValueError(f"{name} is no JSON")


# Trees without marks, for a comparison; refuses what ``parse_exact`` would have to look into.
parse_single: Final = json.JSONDecoder(
    object_pairs_hook=object_of_single_keys,
    parse_constant=no_constant,
).decode


_exact: Final = json.JSONDecoder(
    object_pairs_hook=object_of_pairs,
    parse_float=NumberText,
    parse_constant=no_constant,
).decode
_exact_single: Final = json.JSONDecoder(
    object_pairs_hook=object_of_single_keys,
    parse_float=NumberText,
    parse_constant=no_constant,
).decode
_SHALLOW_MAX: Final = 128
"""Objects and lists in a text that surely does not nest too deep for anybody."""


def parse_plain(data: bytes) -> Any:
    """Return what ``parse_exact`` would, or None for a text that it has to look at (hot path).

    No object of the tree has a key twice, and it does not nest deep.
    """
    if data.count(b"{") + data.count(b"[") > _SHALLOW_MAX:
        return None
    try:
        return _exact_single(data.decode())
    except ValueError:  # all that is wrong with texts, and a key that stands there twice
        return None


def parse_exact(data: bytes) -> Any:
    """Return the tree of a JSON text. Raises DecodeError."""
    try:
        return _exact(data.decode())
    except UnicodeDecodeError as error:
        raise DecodeError(f"no UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise DecodeError("nested too deep") from None
    except json.JSONDecodeError as error:
        raise DecodeError(f"json parse error: {_in_their_words(error)}") from None
    except ValueError as error:  # NaN, or a number of thousands of digits
        raise DecodeError(f"json parse error: {error}") from None


def _in_their_words(error: json.JSONDecodeError) -> str:
    """Say what is wrong with a text as Kubernetes says it, where it has words for it."""
    text, at = error.doc, error.pos
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    if at == len(text):
        return "unexpected end of JSON input"
    found = f"invalid character '{text[at]}'"
    if error.msg == "Extra data":
        return f"{found} after top-level value"
    if error.msg == "Expecting value":
        return f"{found} looking for beginning of value"
    if error.msg == "Expecting ',' delimiter":
        return f"{found} after {_place(text[:at])}"
    return str(error)


def _place(before: str) -> str:
    """Say what a text has come to: an element of an array, or a pair of an object."""
    open_brackets: list[str] = []
    for char in _STRING.sub("", before):
        if char in "{[":
            open_brackets.append(char)
        elif char in "}]" and open_brackets:
            open_brackets.pop()
    return "array element" if open_brackets[-1:] == ["["] else "object key:value pair"
