"""Resource quotas."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from cluster.apiserver.errors import FieldProblem, invalid, invalid_shown, required
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.quota_names import (
    COMPUTE,
    amount_problems,
    is_of_quotas,
    resource_name_problems,
)
from serialization.api.core.v1_pb2 import (
    ResourceQuota,
    ResourceQuotaSpec,
    ScopedResourceSelectorRequirement,
)
from serialization.api.resource_pb2 import Quantity
from serialization.kinds import RESOURCE_QUOTAS

WITHOUT_VALUES: Final = frozenset(
    ("BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "Terminating")
)
SCOPES: Final = WITHOUT_VALUES | {"PriorityClass"}
CONFLICTING: Final = (("BestEffort", "NotBestEffort"), ("NotTerminating", "Terminating"))

_SCOPE_FOR_RESOURCE: Final = "unsupported scope applied to resource"
_EXISTS_ONLY: Final = (
    "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, "
    "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
    "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


class ResourceQuotaStrategy(Strategy[ResourceQuota]):
    """What a namespace may use; nothing enforces it yet."""

    resource = RESOURCE_QUOTAS
    answers_deleted_object = True

    def default(self, obj: ResourceQuota) -> None:
        obj.spec.SetInParent()
        obj.status.SetInParent()

    def prepare_create(self, obj: ResourceQuota) -> None:
        obj.status.Clear()
        obj.status.SetInParent()

    def validate(self, obj: ResourceQuota) -> list[FieldProblem]:
        spec = obj.spec
        problems = _amounts_problems(spec.hard, "spec.hard")
        problems += _scope_problems(spec)
        return problems + _selector_problems(spec)

    def prepare_update(self, new: ResourceQuota, old: ResourceQuota) -> None:
        new.status.CopyFrom(old.status)

    def validate_update(self, new: ResourceQuota, old: ResourceQuota) -> list[FieldProblem]:
        if set(new.spec.scopes) == set(old.spec.scopes):
            return []
        shown = json.dumps(list(new.spec.scopes), separators=(",", ":"))
        return [invalid_shown("spec.scopes", shown, "field is immutable")]

    def prepare_status(self, new: ResourceQuota, old: ResourceQuota) -> None:
        new.spec.CopyFrom(old.spec)

    def validate_status(self, new: ResourceQuota, old: ResourceQuota) -> list[FieldProblem]:
        problems = _amounts_problems(new.status.hard, "status.hard")
        return problems + _amounts_problems(new.status.used, "status.used")


def _amounts_problems(amounts: Mapping[str, Quantity], field: str) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    for name in sorted(amounts):
        at = f"{field}[{name}]"
        problems += resource_name_problems(name, at)
        if "/" not in name and not is_of_quotas(name):
            problems.append(invalid(at, name, "must be a standard resource for quota"))
        problems += amount_problems(name, amounts[name].string, at)
    return problems


def _scope_problems(spec: ResourceQuotaSpec) -> list[FieldProblem]:
    field, scopes = "spec.scopes", list(spec.scopes)
    shown = json.dumps(scopes, separators=(",", ":"))
    problems = []
    for scope in scopes:
        if scope not in SCOPES:
            problems.append(invalid_shown(field, shown, "unsupported scope"))
        problems += [
            invalid_shown(field, shown, _SCOPE_FOR_RESOURCE)
            for name in sorted(spec.hard)
            if is_of_quotas(name) and not _fits(scope, name)
        ]
    return problems + _conflicts(scopes, field, shown)


def _fits(scope: str, name: str) -> bool:
    """Tell whether a scope, which picks pods, says anything about a resource."""
    if scope == "BestEffort":
        return name == "pods"
    return name == "pods" or name in COMPUTE or scope not in SCOPES


def _conflicts(scopes: Sequence[str], field: str, shown: str) -> list[FieldProblem]:
    return [
        invalid_shown(field, shown, "conflicting scopes")
        for one, other in CONFLICTING
        if one in scopes and other in scopes
    ]


def _selector_problems(spec: ResourceQuotaSpec) -> list[FieldProblem]:
    if not spec.HasField("scopeSelector"):
        return []
    field = "spec.scopeSelector.matchExpressions"
    problems: list[FieldProblem] = []
    named = []
    for requirement in spec.scopeSelector.matchExpressions:
        scope = requirement.scopeName
        named.append(scope)
        if scope not in SCOPES:
            problems.append(invalid(f"{field}.scopeName", scope, "unsupported scope"))
        problems += [
            invalid(field, scope, _SCOPE_FOR_RESOURCE)
            for name in sorted(spec.hard)
            if is_of_quotas(name) and not _fits(scope, name)
        ]
        problems += _requirement_problems(requirement, field)
    return problems + _conflicts(named, field, json.dumps(named, separators=(",", ":")))


def _requirement_problems(
    requirement: ScopedResourceSelectorRequirement, field: str
) -> list[FieldProblem]:
    operator, values = requirement.operator, list(requirement.values)
    problems = []
    if requirement.scopeName in WITHOUT_VALUES and operator != "Exists":
        problems.append(invalid(f"{field}.operator", operator, _EXISTS_ONLY))
    if operator in {"In", "NotIn"}:
        if not values:
            why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            problems.append(required(f"{field}.values", why))
    elif operator in {"Exists", "DoesNotExist"}:
        if values:
            why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            shown = json.dumps(values, separators=(",", ":"))
            problems.append(invalid_shown(f"{field}.values", shown, why))
    else:
        problems.append(invalid(f"{field}.operator", operator, "not a valid selector operator"))
    return problems
