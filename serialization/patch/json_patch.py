"""JSON patch (RFC 6902), as lenient as the one that Kubernetes uses.

Beyond the standard: ``replace`` of a member that is missing adds it, ``test`` of a missing member
against null holds, and an index may be negative, counted from the end.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from serialization.patch.errors import PatchFailedError, PatchFormatError, PatchTooLongError

OPERATIONS_MAX: Final = 10_000
COPIED_MAX_BYTES: Final = 3 * 1024 * 1024
"""How much text ``copy`` operations may add in all, or a few of them would fill the memory."""

_MISSING: Final = object()
_VALUED: Final = frozenset(("add", "replace", "test"))
_SOURCED: Final = frozenset(("copy", "move"))
_NAMES: Final = _VALUED | _SOURCED | {"remove"}


class Operation(NamedTuple):
    """One operation: ``path`` and ``source`` are pointers, cut and unescaped."""

    name: str
    path: tuple[str, ...]
    source: tuple[str, ...]
    value: Any


def read_operations(tree: object) -> list[Operation]:
    """Return the operations of a parsed JSON patch.

    Raises PatchFormatError for what is no list of operations, PatchTooLongError beyond
    OPERATIONS_MAX, PatchFailedError for an operation that is none or lacks a part.
    """
    if not isinstance(tree, list):
        raise PatchFormatError("a JSON patch is a list of operations")
    if len(tree) > OPERATIONS_MAX:
        raise PatchTooLongError(
            f"The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {len(tree)}"
        )
    return [_operation(each) for each in tree]


def _operation(each: object) -> Operation:
    if not isinstance(each, dict):
        raise PatchFormatError("an operation of a JSON patch is an object")
    name, path, source = each.get("op", ""), each.get("path", _MISSING), each.get("from", _MISSING)
    for text in (name, path, source):
        if text is not _MISSING and not isinstance(text, str):
            raise PatchFormatError("op, path and from of an operation are strings")
    if name not in _NAMES:
        raise PatchFailedError(f"unknown operation {name!r}")
    if path is _MISSING or (name in _SOURCED and source is _MISSING):
        raise PatchFailedError(f"{name} lacks a path")
    if name in _VALUED and "value" not in each:
        raise PatchFailedError(f"{name} lacks a value")
    return Operation(
        name, _pointer(path), () if source is _MISSING else _pointer(source), each.get("value")
    )


def _pointer(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    first, *tokens = text.split("/")
    if first:
        raise PatchFailedError(f"the path {text!r} does not begin with a slash")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


def apply_operations(document: Any, operations: list[Operation]) -> Any:
    """Return ``document`` changed by the operations, in order; ``document`` is used up.

    The operations stay as they are and can be applied again. Raises PatchFailedError.
    """
    copied = 0
    for each in operations:
        name, path = each.name, each.path
        if name == "test":
            _test(document, path, each.value)
        elif name == "remove":
            _remove(document, path)
        elif name == "replace":
            document = _replace(document, path, _clone(each.value))
        elif name == "add":
            document = _add(document, path, _clone(each.value))
        else:
            value = _get(document, each.source)
            if value is _MISSING:
                raise PatchFailedError("nothing to take at that path")
            if name == "move":
                _remove(document, each.source)
            else:
                copied += len(json.dumps(value))
                if copied > COPIED_MAX_BYTES:
                    raise PatchFailedError("the patch copies too much")
                value = _clone(value)
            document = _add(document, path, value)
    return document


def _clone(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clone(each) for name, each in value.items()}
    return [_clone(each) for each in value] if isinstance(value, list) else value


def _container(document: Any, path: tuple[str, ...]) -> Any:
    """Return what holds the last token of a path."""
    if not path:
        raise PatchFailedError("the whole document cannot be taken away")
    found = _get(document, path[:-1])
    if not isinstance(found, dict | list):
        raise PatchFailedError("the path leads nowhere")
    return found


def _get(document: Any, path: tuple[str, ...]) -> Any:
    for token in path:
        if isinstance(document, dict):
            document = document.get(token, _MISSING)
        elif isinstance(document, list):
            document = document[_index(token, len(document))]
        else:
            return _MISSING
    return document


def _index(token: str, length: int) -> int:
    """Return the index of an element that exists."""
    digits = token.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9:
        raise PatchFailedError(f"{token!r} is no index")
    index = int(token)
    if not -length <= index < length:
        raise PatchFailedError(f"the index {index} is out of bounds")
    return index % length


def _add(document: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    holder, token = _container(document, path), path[-1]
    if isinstance(holder, dict):
        holder[token] = value
    elif token == "-":
        holder.append(value)
    else:
        holder.insert(_index(token, len(holder) + 1), value)
    return document


def _replace(document: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    holder, token = _container(document, path), path[-1]
    if isinstance(holder, dict):
        holder[token] = value
    else:
        holder[_index(token, len(holder))] = value
    return document


def _remove(document: Any, path: tuple[str, ...]) -> None:
    holder, token = _container(document, path), path[-1]
    if isinstance(holder, list):
        del holder[_index(token, len(holder))]
    elif token in holder:
        del holder[token]
    else:
        raise PatchFailedError(f"there is no {token!r} to remove")


def _test(document: Any, path: tuple[str, ...], wanted: Any) -> None:
    found = _get(_container(document, path), path[-1:]) if path else document
    if not same(None if found is _MISSING else found, wanted):
        raise PatchFailedError("a test failed")


def same(left: Any, right: Any) -> bool:
    """Tell whether two JSON trees are equal; true is not 1."""
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(same(value, right[name]) for name, value in left.items())
        )
    if isinstance(left, list):
        return (
            isinstance(right, list)
            and len(left) == len(right)
            and all(same(a, b) for a, b in zip(left, right, strict=True))
        )
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)
