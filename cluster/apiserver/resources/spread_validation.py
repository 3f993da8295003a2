"""What can be wrong with a pod's tolerations, and with how it wants its likes spread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    duplicate,
    invalid,
    invalid_shown,
    required,
    unsupported,
)
from cluster.apiserver.resources.label_selector import label_selector_problems
from cluster.apiserver.resources.value_rules import POSITIVE
from serialization.api.core.v1_pb2 import Toleration, TopologySpreadConstraint
from serialization.labels import is_sound_key, key_errors, value_errors
from serialization.plain import plain

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
OPERATORS: Final = ("Equal", "Exists")
ACTIONS: Final = ("DoNotSchedule", "ScheduleAnyway")
INCLUSIONS: Final = ("Honor", "Ignore")
_MATCH_ALL: Final = (
    'operator must be Exists when `key` is empty, which means "match all values and all keys"'
)


def toleration_problems(tolerations: Sequence[Toleration], field: str) -> list[FieldProblem]:
    """Return what is wrong with tolerations."""
    problems: list[FieldProblem] = []
    for index, toleration in enumerate(tolerations):
        _judge_toleration(toleration, f"{field}[{index}]", problems)
    return problems


def _judge_toleration(toleration: Toleration, field: str, problems: list[FieldProblem]) -> None:
    key, operator, effect = toleration.key, toleration.operator, toleration.effect
    if key:
        if not is_sound_key(key):
            problems += [invalid(f"{field}.key", key, why) for why in key_errors(key)]
    elif operator != "Exists":
        problems.append(invalid(f"{field}.operator", operator, _MATCH_ALL))
    if toleration.HasField("tolerationSeconds") and effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        problems.append(invalid(f"{field}.effect", effect, why))
    if operator in {"Equal", ""}:
        errors = value_errors(toleration.value)
        if errors:
            problems.append(invalid(f"{field}.operator", toleration.value, ";".join(errors)))
    elif operator == "Exists":
        if toleration.value:
            shown = json.dumps(plain(toleration), separators=(",", ":"))
            why = "value must be empty when `operator` is 'Exists'"
            problems.append(invalid_shown(f"{field}.operator", shown, why))
    else:
        problems.append(unsupported(f"{field}.operator", operator, OPERATORS))
    if effect and effect not in EFFECTS:
        problems.append(unsupported(f"{field}.effect", effect, EFFECTS))


def spread_problems(
    constraints: Sequence[TopologySpreadConstraint], field: str
) -> list[FieldProblem]:
    """Return what is wrong with topology spread constraints."""
    problems: list[FieldProblem] = []
    seen: set[tuple[str, str]] = set()
    for index, constraint in enumerate(constraints):
        at = f"{field}[{index}]"
        _judge_spread(constraint, at, problems)
        kind = (constraint.topologyKey, constraint.whenUnsatisfiable)
        if kind in seen:
            where = f"{at}.{{topologyKey, whenUnsatisfiable}}"
            problems.append(duplicate(where, f"{{{kind[0]}, {kind[1]}}}"))
        seen.add(kind)
        problems += label_selector_problems(constraint.labelSelector, f"{at}.labelSelector")
    return problems


def _judge_spread(
    constraint: TopologySpreadConstraint, field: str, problems: list[FieldProblem]
) -> None:
    if constraint.maxSkew <= 0:
        problems.append(invalid(f"{field}.maxSkew", constraint.maxSkew, POSITIVE))
    key = constraint.topologyKey
    if not key:
        problems.append(required(f"{field}.topologyKey", "can not be empty"))
    else:
        problems += [invalid(f"{field}.topologyKey", key, why) for why in key_errors(key)]
    action = constraint.whenUnsatisfiable
    if action not in ACTIONS:
        problems.append(unsupported(f"{field}.whenUnsatisfiable", action, ACTIONS))
    if constraint.HasField("minDomains"):
        at = f"{field}.minDomains"
        if constraint.minDomains <= 0:
            problems.append(invalid(at, constraint.minDomains, POSITIVE))
        if action != "DoNotSchedule":
            why = (
                "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not "
                f"{action or 'ScheduleAnyway'}"
            )
            problems.append(invalid(at, constraint.minDomains, why))
    for name, policy in (
        ("nodeAffinityPolicy", constraint.nodeAffinityPolicy),
        ("nodeTaintsPolicy", constraint.nodeTaintsPolicy),
    ):
        if policy and policy not in INCLUSIONS:
            problems.append(unsupported(f"{field}.{name}", policy, INCLUSIONS))
