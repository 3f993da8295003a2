"""Limit ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from cluster.apiserver.errors import (
    FieldProblem,
    duplicate,
    forbidden_field,
    invalid,
    required,
)
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.quota_names import resource_name_problems
from serialization.api.core.v1_pb2 import LimitRange, LimitRangeItem
from serialization.api.resource_pb2 import Quantity
from serialization.kinds import LIMIT_RANGES
from serialization.labels import key_errors
from serialization.quantity import compare, nano_value

TYPES: Final = ("Container", "PersistentVolumeClaim", "Pod")
NANO: Final = 10**9


class LimitRangeStrategy(Strategy[LimitRange]):
    """What pods, containers and claims of a namespace may ask for; nothing enforces it yet."""

    resource = LIMIT_RANGES

    def default(self, obj: LimitRange) -> None:
        obj.spec.SetInParent()
        for item in obj.spec.limits:
            if item.type != "Container":
                continue
            for source, target in (
                (item.max, item.default),
                (item.default, item.defaultRequest),
                (item.min, item.defaultRequest),
            ):
                for name in sorted(source):
                    if name not in target:
                        target[name].CopyFrom(source[name])

    def validate(self, obj: LimitRange) -> list[FieldProblem]:
        problems: list[FieldProblem] = []
        types: set[str] = set()
        for index, item in enumerate(obj.spec.limits):
            field = f"spec.limits[{index}]"
            problems += _type_problems(item.type, f"{field}.type")
            if item.type in types:
                problems.append(duplicate(f"{field}.type", item.type))
            types.add(item.type)
            problems += _item_problems(item, field)
        return problems


def _type_problems(name: str, field: str) -> list[FieldProblem]:
    problems = [invalid(field, name, why) for why in key_errors(name)]
    if not problems and "/" not in name and name not in TYPES:
        problems.append(invalid(field, name, "must be a standard limit type or fully qualified"))
    return problems


def _item_problems(item: LimitRangeItem, field: str) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    groups: tuple[tuple[str, Mapping[str, Quantity]], ...] = (
        ("max", item.max),
        ("min", item.min),
        ("default", item.default),
        ("defaultRequest", item.defaultRequest),
        ("maxLimitRequestRatio", item.maxLimitRequestRatio),
    )
    names: set[str] = set()
    for group, amounts in groups:
        if item.type == "Pod" and group.startswith("default") and amounts:
            why = "may not be specified when `type` is 'Pod'"
            problems.append(forbidden_field(f"{field}.{group}", why))
            continue
        for name in sorted(amounts):
            problems += resource_name_problems(name, f"{field}.{group}[{name}]")
        names.update(amounts)
    if item.type == "PersistentVolumeClaim" and not {"storage"} & {*item.min, *item.max}:
        why = "either minimum or maximum storage value is required, but neither was provided"
        problems.append(required(f"{field}.limits", why))
    for name in sorted(names):
        problems += _order_problems(_Amounts.of(item, name), name, field)
    return problems


class _Amounts(NamedTuple):
    """The amounts of one resource in one item; an empty text for one that is not there."""

    least: str
    most: str
    limit: str
    """The default limit."""
    request: str
    """The default request."""
    ratio: str

    @classmethod
    def of(cls, item: LimitRangeItem, name: str) -> _Amounts:
        """Pick them out of an item."""
        maps = (item.min, item.max, item.default, item.defaultRequest, item.maxLimitRequestRatio)
        return cls(*(each[name].string if name in each else "" for each in maps))


def _order_problems(amounts: _Amounts, name: str, field: str) -> list[FieldProblem]:
    """Return which amounts of a resource do not stand in order: min, request, limit, max."""
    least, most, limit, request, ratio = amounts
    pairs = (
        (least, most, "min", least, "min value {} is greater than max value {}"),
        (least, request, "defaultRequest", request, _LEAST + "default request value {}"),
        (request, most, "defaultRequest", request, _REQUEST + "max value {}"),
        (request, limit, "defaultRequest", request, _REQUEST + "default limit value {}"),
        (least, limit, "default", least, _LEAST + "default value {}"),
        (limit, most, "default", most, "default value {} is greater than max value {}"),
    )
    problems = [
        invalid(f"{field}.{group}[{name}]", shown, words.format(low, high))
        for low, high, group, shown, words in pairs
        if low and high and compare(low, high) > 0
    ]
    at = f"{field}.maxLimitRequestRatio[{name}]"
    if ratio and nano_value(ratio) < NANO:
        problems.append(invalid(at, ratio, f"ratio {ratio} is less than 1"))
    if ratio and least and most and nano_value(least):
        possible = nano_value(most) / nano_value(least)
        if nano_value(ratio) / NANO > possible:
            why = f"ratio {ratio} is greater than max/min = {possible:f}"
            problems.append(invalid(at, ratio, why))
    return problems


_LEAST: Final = "min value {} is greater than "
_REQUEST: Final = "default request value {} is greater than "
