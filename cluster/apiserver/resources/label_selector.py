"""What can be wrong with a label selector that stands in an object."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import FieldProblem, forbidden_field, invalid, required
from cluster.apiserver.resources.metadata import label_problems
from serialization.api.meta.v1_pb2 import LabelSelector, LabelSelectorRequirement
from serialization.labels import key_errors, value_errors

WITH_VALUES: Final = frozenset(("In", "NotIn"))
WITHOUT_VALUES: Final = frozenset(("Exists", "DoesNotExist"))


def label_selector_problems(selector: LabelSelector, field: str) -> list[FieldProblem]:
    """Return what is wrong with the parts of a selector; whether it may be empty is the kind's."""
    problems = []
    if selector.matchLabels:
        problems += label_problems(selector.matchLabels, f"{field}.matchLabels")
    for index, requirement in enumerate(selector.matchExpressions):
        problems += _requirement_problems(requirement, f"{field}.matchExpressions[{index}]")
    return problems


def _requirement_problems(requirement: LabelSelectorRequirement, field: str) -> list[FieldProblem]:
    problems = []
    if requirement.operator in WITH_VALUES:
        if not requirement.values:
            why = "must be specified when `operator` is 'In' or 'NotIn'"
            problems.append(required(f"{field}.values", why))
    elif requirement.operator in WITHOUT_VALUES:
        if requirement.values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            problems.append(forbidden_field(f"{field}.values", why))
    else:
        problems.append(
            invalid(f"{field}.operator", requirement.operator, "not a valid selector operator")
        )
    key = requirement.key
    problems += [invalid(f"{field}.key", key, why) for why in key_errors(key)]
    for index, value in enumerate(requirement.values):
        at = f"{field}.values[{index}]"
        problems += [invalid(at, value, why) for why in value_errors(value)]
    return problems
