"""Messages to JSON trees: dictionaries, lists and scalars in the order Kubernetes writes them.

Hot path: one pass over ``ListFields`` with everything that the rules say looked up beforehand.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import cache
from typing import Any, Final

from google.protobuf.message import Message

from serialization.errors import EncodeError
from serialization.jsonform.plan import Absent, Container, JsonField, Plan, Shape, plan_of, rules_of
from serialization.times import TimeFormatError

Tree = dict[str, Any]
Write = Callable[[Any], Any]


class _Op(IntEnum):
    KEEP = 0
    """As it is."""
    NONZERO = 1
    """As it is, unless it is zero."""
    CALL = 2
    """What the function makes of it."""
    NONNULL = 3
    """What the function makes of it, unless that is None."""
    INLINE = 4
    """The fields of what the function makes of it."""


class _Writer:
    """The precomputed way from one message class to its tree."""

    def __init__(self, message: type[Message]) -> None:
        plan = plan_of(message)
        self.steps: Final[dict[object, tuple[str, int, Write]]] = {}
        self.order: Final = tuple(f.name for f in plan.fields)
        self.always: Final[dict[str, Callable[[], object]]] = {}
        self._in_order = True
        self._prepare(plan)

    def _prepare(self, plan: Plan) -> None:
        top = plan.message.DESCRIPTOR
        direct = {f.descriptor: f for f in plan.fields if len(f.path) == 1}
        numbers = [each.number for each in top.fields]
        self._in_order = numbers == sorted(numbers)
        for each in top.fields:
            if rules_of(each).inline and each.message_type is not None:
                inner = plan_of_descriptor(each.message_type)
                self.steps[each] = ("", _Op.INLINE, lazy_writer(inner.message))
            else:
                self.steps[each] = _step(direct[each])
        for one in plan.fields:
            if one.absent is Absent.WRITE:
                self.always[one.name] = _zero_of(one)

    def tree(self, message: Any) -> Tree:
        """Return the JSON object of a message."""
        out: Tree = {}
        steps = self.steps
        for descriptor, value in message.ListFields():
            name, op, write = steps[descriptor]
            if op == 0:
                out[name] = value
            elif op == 2:
                out[name] = write(value)
            elif op == 1:
                if value:
                    out[name] = value
            elif op == 4:
                out.update(write(value))
            else:
                made = write(value)
                if made is not None:
                    out[name] = made
        always = self.always
        missing = always.keys() - out.keys() if always else always
        if missing:
            for name in missing:
                out[name] = always[name]()
        elif self._in_order:
            return out
        return {name: out[name] for name in self.order if name in out}


def plan_of_descriptor(descriptor: Any) -> Plan:
    """Return the plan of a descriptor's message."""
    from serialization.jsonform.plan import message_class  # noqa: PLC0415

    return plan_of(message_class(descriptor))


@cache
def _writer(message: type[Message]) -> _Writer:
    return _Writer(message)


def lazy_writer(message: type[Message]) -> Write:
    """Return the function that writes a message class; it is made at its first use."""
    made: list[Write] = []

    def write(value: Any) -> Tree:
        if not made:
            made.append(_writer(message).tree)
        tree: Tree = made[0](value)
        return tree

    return write


def _step(one: JsonField) -> tuple[str, int, Write]:
    element = _element(one)
    if one.container is Container.LIST:
        return one.name, _Op.CALL, list if element is None else _each(element)
    if one.container is Container.MAP:
        return one.name, _Op.CALL, _sorted_map if element is None else _each_sorted(element)
    if element is None:
        return one.name, _Op.NONZERO if one.omits_zero else _Op.KEEP, _same
    if one.shape is Shape.BYTES and one.omits_zero:
        return one.name, _Op.NONNULL, lambda value: element(value) if value else None
    if one.shape is Shape.LEAF and one.omits_zero:
        return one.name, _Op.NONNULL, element
    return one.name, _Op.CALL, element


def _element(one: JsonField) -> Write | None:
    """Return the function for one value; None where the value itself is JSON."""
    if one.leaf is not None:
        return one.leaf.write
    if one.shape is Shape.OBJECT:
        return lazy_writer(one.message)
    return _base64 if one.shape is Shape.BYTES else None


def _same(value: Any) -> Any:
    return value


def _base64(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _each(element: Write) -> Write:
    return lambda values: [element(value) for value in values]


def _sorted_map(values: Mapping[str, Any]) -> Tree:
    return {key: values[key] for key in sorted(values)}


def _each_sorted(element: Write) -> Write:
    return lambda values: {key: element(values[key]) for key in sorted(values)}


def _zero_of(one: JsonField) -> Callable[[], object]:
    if one.shape is Shape.OBJECT and one.container is Container.ONE and not one.pointer:
        message = one.message
        write = lazy_writer(message)
        return lambda: write(message())
    if one.zero == []:
        return list
    zero = one.zero
    return lambda: zero


def tree_of(message: Message) -> Tree:
    """Return the JSON tree of a message, without kind and apiVersion. Raises EncodeError."""
    try:
        return _writer(type(message)).tree(message)
    except (TimeFormatError, ValueError) as error:
        raise EncodeError(f"{type(message).__name__}: {error}") from None
