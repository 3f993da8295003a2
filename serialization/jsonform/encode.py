"""Messages to JSON trees: dictionaries, lists and scalars in the order Kubernetes writes them.

Hot path: one pass over ``ListFields`` per message, by a function that was made for its class and
has everything that the rules say in a dictionary keyed by field descriptor.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from serialization.errors import EncodeError
from serialization.jsonform.plan import (
    Absent,
    Container,
    JsonField,
    Plan,
    Shape,
    class_of,
    fields_of,
    plan_of,
    rules_of,
)

Tree = dict[str, Any]
Write = Callable[[Any], Any]
Step = tuple[str, int, Write]

# What a step does with a field's value; plain integers, since they are compared per field.
_KEEP: Final = 0  # the value as it is
_CALL: Final = 1  # what the function makes of it
_NONZERO: Final = 2  # the value as it is, unless it is zero
_NONNULL: Final = 3  # what the function makes of it, unless that is None
_INLINE: Final = 4  # the fields of what the function makes of it, beside its parent's

# Sets of present fields per message class whose order is remembered (empty: it is right as it
# is); few differ in a cluster.
_ORDERS_MAX: Final = 1000


class Writers:
    """The functions from messages to trees, one per message class, made at first use."""

    def __init__(self) -> None:
        self._made: dict[type[Message], Write] = {}

    def of(self, message: type[Message]) -> Write:
        """Return the function for a message."""
        made = self._made.get(message)
        return made if made is not None else self._make(plan_of(message))

    def _make(self, plan: Plan) -> Write:
        fields = fields_of(cast("Descriptor", plan.message.DESCRIPTOR))
        steps: dict[object, Step] = {}
        always: list[tuple[str, Callable[[], object]]] = []
        numbers = [each.number for each in fields]
        # Registered before it is filled, so that a message may contain itself.
        write = _writer(steps, always, plan.names, in_order=numbers == sorted(numbers))
        self._made[plan.message] = write
        direct = {one.path[0]: one for one in plan.fields if len(one.path) == 1}
        for each in fields:
            if each.name in direct:
                steps[each] = self._step(direct[each.name])
            elif rules_of(each).inline:
                steps[each] = ("", _INLINE, self.of(class_of(each)))
        always += [(one.name, self._zero(one)) for one in plan.fields if one.absent is Absent.WRITE]
        return write

    def _step(self, one: JsonField) -> Step:
        element = self._element(one)
        if one.container is Container.LIST:
            return one.name, _CALL, list if element is None else _each(element)
        if one.container is Container.MAP:
            return one.name, _CALL, _sorted_map if element is None else _each_sorted(element)
        if element is None:
            return one.name, _NONZERO if one.omits_zero else _KEEP, bool
        if one.leaf is not None and one.absent is Absent.OMIT:
            return one.name, _NONNULL, element  # a zero time is none, even behind a pointer
        if one.omits_zero:
            return one.name, _NONNULL, _unless_zero(element)
        return one.name, _CALL, element

    def _element(self, one: JsonField) -> Write | None:
        """Return the function for one value; None where the value itself is JSON."""
        if one.leaf is not None:
            return one.leaf.write
        if one.shape is Shape.BYTES:
            return _base64
        if one.shape is not Shape.OBJECT:
            return None
        write = self.of(one.message)
        return write if one.type_meta is None else _typed(write, *one.type_meta)

    def _zero(self, one: JsonField) -> Callable[[], object]:
        if one.shape is Shape.OBJECT and one.container is Container.ONE and not one.pointer:
            write, empty = self.of(one.message), one.message()
            return lambda: write(empty)
        if one.zero == []:
            return list
        zero = one.zero
        return lambda: zero


def _writer(  # noqa: C901 - as its inner function
    steps: dict[object, Step],
    always: list[tuple[str, Callable[[], object]]],
    names: tuple[str, ...],
    *,
    in_order: bool,
) -> Write:
    """Return the function for one message class; both collections are filled afterwards."""
    orders: dict[tuple[str, ...], tuple[str, ...]] = {}

    def write(message: Any) -> Tree:  # noqa: C901, PLR0912 - the steps inline, for speed
        out: Tree = {}
        for descriptor, value in message.ListFields():
            name, step, make = steps[descriptor]
            if step == 0:
                out[name] = value
            elif step == 1:
                out[name] = make(value)
            elif step == 2:
                if value:
                    out[name] = value
            elif step == 4:
                out.update(make(value))
            else:
                made = make(value)
                if made is not None:
                    out[name] = made
        settled = in_order
        for name, zero in always:
            if name not in out:
                out[name] = zero()
                settled = False
        if settled:
            return out
        present = tuple(out)
        order = orders.get(present)
        if order is None:
            order = tuple(name for name in names if name in out)
            if order == present:
                order = ()
            if len(orders) < _ORDERS_MAX:
                orders[present] = order
        return {name: out[name] for name in order} if order else out

    return write


def _base64(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _unless_zero(element: Write) -> Write:
    return lambda value: element(value) if value else None


def _each(element: Write) -> Write:
    return lambda values: [element(value) for value in values]


def _sorted_map(values: Mapping[str, Any]) -> Tree:
    return {key: values[key] for key in sorted(values)}


def _each_sorted(element: Write) -> Write:
    return lambda values: {key: element(values[key]) for key in sorted(values)}


def _typed(write: Write, api_version: str, kind: str) -> Write:
    return lambda value: {"kind": kind, "apiVersion": api_version, **write(value)}


_WRITERS: Final = Writers()


def tree_of(message: Message) -> Tree:
    """Return the JSON tree of a message, without kind and apiVersion. Raises EncodeError."""
    try:
        tree: Tree = _WRITERS.of(type(message))(message)
    except (ValueError, RecursionError) as error:
        raise EncodeError(f"{message.DESCRIPTOR.name}: {error}") from None
    return tree
