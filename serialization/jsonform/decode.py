"""JSON trees to messages, exactly: every rule, every refusal, with the path of the field.

This is the meaning of decoding. ``schema`` does the same in C for input that is in order, and comes
here for the rest: input that is refused, unknown fields, duplicate keys, nulls within lists.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from serialization.codecs.interface import UnknownFields
from serialization.errors import DecodeError
from serialization.jsonform.leaves import Leaf, NumberText, unfit
from serialization.jsonform.plan import Container, JsonField, Plan, Shape, plan_of

M = TypeVar("M", bound=Message)

# As many complaints as Kubernetes lists before it stops counting.
FINDINGS_MAX: Final = 100

_INTEGERS: Final = {
    FieldDescriptor.TYPE_INT32: ("int32", -(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: ("int64", -(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: ("uint32", 0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: ("uint64", 0, 2**64 - 1),
}


class ObjectWithDuplicates(dict[str, Any]):
    """A JSON object that had keys more than once; the last of each is in the dictionary."""

    __slots__ = ("duplicates",)
    duplicates: list[str]


class _Decoder:
    """One decoding: collects what strict decoding complains of."""

    def __init__(self) -> None:
        self.findings: Final[list[str]] = []

    def _find(self, finding: str) -> None:
        if len(self.findings) < FINDINGS_MAX and finding not in self.findings:
            self.findings.append(finding)

    def top(self, plan: Plan, tree: object) -> dict[str, Any]:
        if not isinstance(tree, dict):
            raise DecodeError(str(unfit(tree, plan.message.__name__)))
        return self._object(plan, tree, "", typed=True)

    def _object(
        self, plan: Plan, tree: dict[str, Any], path: str, *, typed: bool = False
    ) -> dict[str, Any]:
        """Return the constructor's keywords for an object. ``typed``: it may name its kind."""
        kwargs: dict[str, Any] = {}
        by_name = plan.by_name
        twice = tree.duplicates if isinstance(tree, ObjectWithDuplicates) else ()
        for name, value in tree.items():
            one = by_name.get(name)
            here = f"{path}.{name}" if path else name
            if one is None and not (typed and name in ("kind", "apiVersion")):
                self._find(f'unknown field "{here}"')  # its duplicates are nobody's concern
                continue
            if name in twice:
                self._find(f'duplicate field "{here}"')
            if value is None:
                continue
            if one is not None:
                place(kwargs, one.path, self._field(one, value, here))
            elif not isinstance(value, str):
                raise DecodeError(str(unfit(value, "string")), here)
        return kwargs

    def _field(self, one: JsonField, value: object, path: str) -> object:
        if one.container is Container.ONE:
            return self._element(one, value, path)
        if one.container is Container.LIST:
            if not isinstance(value, list):
                raise DecodeError(str(unfit(value, f"[]{_type_name(one)}")), path)
            return [self._element(one, item, f"{path}[{i}]") for i, item in enumerate(value)]
        if not isinstance(value, dict):
            raise DecodeError(str(unfit(value, f"map[string]{_type_name(one)}")), path)
        if isinstance(value, ObjectWithDuplicates):
            for key in value.duplicates:
                self._find(f'duplicate field "{path}.{key}"')
        made = {}
        for key, item in value.items():
            check_text(key, path)
            made[key] = self._element(one, item, f"{path}.{key}")
        return made

    def _element(self, one: JsonField, value: object, path: str) -> object:
        if value is None:  # within a list or a map: the zero value
            return _zero_element(one)
        if one.leaf is not None:
            try:
                return _leaf(one, one.leaf, value)
            except ValueError as error:  # a LeafError, or text that the constructor refuses
                raise DecodeError(str(error), path) from None
        if one.shape is Shape.OBJECT:
            if not isinstance(value, dict):
                raise DecodeError(str(unfit(value, _type_name(one))), path)
            plan = plan_of(one.message)
            return self._object(plan, value, path, typed=plan.typed)
        return _scalar(one.element, value, path)


def place(kwargs: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    """Put a value under its field, inside inlined messages where the path has several names."""
    for name in path[:-1]:
        kwargs = kwargs.setdefault(name, {})
    kwargs[path[-1]] = value


def check_text(value: str, path: str) -> None:
    """Refuse text that has no UTF-8 form. Raises DecodeError."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise DecodeError("text with a lone surrogate is no UTF-8", path) from None


def _scalar(element: FieldDescriptor, value: object, path: str) -> object:
    kind = element.type
    if kind == FieldDescriptor.TYPE_STRING:
        if isinstance(value, str):
            check_text(value, path)
            return value
    elif kind == FieldDescriptor.TYPE_BOOL:
        if isinstance(value, bool):
            return value
    elif kind == FieldDescriptor.TYPE_BYTES:
        if isinstance(value, str):
            return _bytes(value, path)
    elif isinstance(value, int) and not isinstance(value, bool):
        name, low, high = _INTEGERS[kind]
        if low <= value <= high:
            return value
        raise DecodeError(
            f"json: cannot unmarshal number {value} into a field of type {name}", path
        )
    elif isinstance(value, float):
        text = value.text if isinstance(value, NumberText) else repr(value)
        name = _scalar_name(element)
        raise DecodeError(f"json: cannot unmarshal number {text} into a field of type {name}", path)
    raise DecodeError(str(unfit(value, _scalar_name(element))), path)


def _bytes(value: str, path: str) -> bytes:
    try:
        return b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError("illegal base64 data", path) from None


_ZEROS: Final[Mapping[int, object]] = {
    FieldDescriptor.TYPE_STRING: "",
    FieldDescriptor.TYPE_BYTES: b"",
    FieldDescriptor.TYPE_BOOL: False,
}


def _scalar_name(element: FieldDescriptor) -> str:
    if element.type == FieldDescriptor.TYPE_BYTES:
        return "[]byte"
    if element.type in _INTEGERS:
        return _INTEGERS[element.type][0]
    return "bool" if element.type == FieldDescriptor.TYPE_BOOL else "string"


def _type_name(one: JsonField) -> str:
    element = one.element
    return element.message_type.name if element.message_type else _scalar_name(element)


def _leaf(one: JsonField, leaf: Leaf, value: object) -> Message:
    kwargs: dict[str, Any] = {}
    leaf.read(value, kwargs)
    return one.message(**kwargs)


def _zero_element(one: JsonField) -> object:
    if one.leaf is not None:
        zero = one.leaf.zero
        return _leaf(one, one.leaf, zero) if zero is not None else one.message()
    if one.shape is Shape.OBJECT:
        return {}
    # Not the field's default, which of a list is an empty list.
    return _ZEROS.get(one.element.type, 0)


def message_of(
    message: type[M],
    tree: object,
    unknown: UnknownFields = UnknownFields.IGNORE,
    warnings: list[str] | None = None,
) -> M:
    """Build a message of a JSON tree. Raises DecodeError.

    ``unknown`` says what becomes of unknown fields and duplicate keys; the latter are seen only in
    trees that hold ObjectWithDuplicates.
    """
    decoder = _Decoder()
    try:
        made = message(**decoder.top(plan_of(message), tree))
    except RecursionError:
        raise DecodeError("nested too deep") from None
    if decoder.findings:
        if unknown is UnknownFields.STRICT:
            raise DecodeError("strict decoding error: " + ", ".join(decoder.findings))
        if unknown is UnknownFields.WARN and warnings is not None:
            warnings += decoder.findings
    return made
