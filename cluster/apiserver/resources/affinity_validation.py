"""What can be wrong with a pod's wishes about nodes and about the company of other pods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cluster.apiserver.errors import FieldProblem, forbidden_field, invalid, required
from cluster.apiserver.resources.label_selector import label_selector_problems
from cluster.apiserver.resources.metadata import label_name_errors
from serialization.api.core.v1_pb2 import (
    Affinity,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PodAffinity,
    PodAffinityTerm,
    PodAntiAffinity,
)
from serialization.labels import key_errors, subdomain_errors, value_errors

REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
WEIGHT_MAX: Final = 100
NODE_FIELD: Final = "metadata.name"


def judge_affinity(affinity: Affinity, field: str, problems: list[FieldProblem]) -> None:
    """Judge all of a pod's affinity."""
    if affinity.HasField("nodeAffinity"):
        _judge_node_affinity(affinity.nodeAffinity, f"{field}.nodeAffinity", problems)
    if affinity.HasField("podAffinity"):
        _judge_company(affinity.podAffinity, f"{field}.podAffinity", problems)
    if affinity.HasField("podAntiAffinity"):
        _judge_company(affinity.podAntiAffinity, f"{field}.podAntiAffinity", problems)


def _judge_node_affinity(affinity: NodeAffinity, field: str, problems: list[FieldProblem]) -> None:
    if affinity.HasField(REQUIRED):
        selector = affinity.requiredDuringSchedulingIgnoredDuringExecution
        judge_node_selector(selector, f"{field}.{REQUIRED}", problems)
    for index, each in enumerate(affinity.preferredDuringSchedulingIgnoredDuringExecution):
        at = f"{field}.{PREFERRED}[{index}]"
        _judge_weight(each.weight, at, problems)
        _judge_node_term(each.preference, f"{at}.preference", problems)


def judge_node_selector(selector: NodeSelector, field: str, problems: list[FieldProblem]) -> None:
    """Judge which nodes are asked for (pods, and volumes that only some nodes reach)."""
    at = f"{field}.nodeSelectorTerms"
    if not selector.nodeSelectorTerms:
        problems.append(required(at, "must have at least one node selector term"))
    for index, term in enumerate(selector.nodeSelectorTerms):
        _judge_node_term(term, f"{at}[{index}]", problems)


def _judge_weight(weight: int, field: str, problems: list[FieldProblem]) -> None:
    if not 0 < weight <= WEIGHT_MAX:
        problems.append(invalid(f"{field}.weight", weight, "must be in the range 1-100"))


def _judge_node_term(term: NodeSelectorTerm, field: str, problems: list[FieldProblem]) -> None:
    for index, requirement in enumerate(term.matchExpressions):
        _judge_requirement(requirement, f"{field}.matchExpressions[{index}]", problems)
    for index, requirement in enumerate(term.matchFields):
        _judge_field_requirement(requirement, f"{field}.matchFields[{index}]", problems)


def _judge_requirement(
    requirement: NodeSelectorRequirement, field: str, problems: list[FieldProblem]
) -> None:
    operator, values = requirement.operator, requirement.values
    if operator in {"In", "NotIn"}:
        if not values:
            why = "must be specified when `operator` is 'In' or 'NotIn'"
            problems.append(required(f"{field}.values", why))
    elif operator in {"Exists", "DoesNotExist"}:
        if values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            problems.append(forbidden_field(f"{field}.values", why))
    elif operator in {"Gt", "Lt"}:
        if len(values) != 1:
            why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            problems.append(required(f"{field}.values", why))
    else:
        problems.append(invalid(f"{field}.operator", operator, "not a valid selector operator"))
    key = requirement.key
    problems += [invalid(f"{field}.key", key, why) for why in key_errors(key)]
    for index, value in enumerate(values):
        at = f"{field}.values[{index}]"
        problems += [invalid(at, value, why) for why in value_errors(value)]


def _judge_field_requirement(
    requirement: NodeSelectorRequirement, field: str, problems: list[FieldProblem]
) -> None:
    operator, values = requirement.operator, requirement.values
    if operator not in {"In", "NotIn"}:
        problems.append(invalid(f"{field}.operator", operator, "not a valid selector operator"))
    elif len(values) != 1:
        why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        problems.append(required(f"{field}.values", why))
    if requirement.key != NODE_FIELD:
        why = "not a valid field selector key"
        problems.append(invalid(f"{field}.key", requirement.key, why))
        return
    for index, value in enumerate(values):
        at = f"{field}.values[{index}]"
        problems += [invalid(at, value, why) for why in subdomain_errors(value)]


def _judge_company(
    affinity: PodAffinity | PodAntiAffinity, field: str, problems: list[FieldProblem]
) -> None:
    terms: Iterable[PodAffinityTerm] = affinity.requiredDuringSchedulingIgnoredDuringExecution
    for index, term in enumerate(terms):
        _judge_pod_term(term, f"{field}.{REQUIRED}[{index}]", problems)
    for index, each in enumerate(affinity.preferredDuringSchedulingIgnoredDuringExecution):
        at = f"{field}.{PREFERRED}[{index}]"
        _judge_weight(each.weight, at, problems)
        _judge_pod_term(each.podAffinityTerm, f"{at}.podAffinityTerm", problems)


def _judge_pod_term(term: PodAffinityTerm, field: str, problems: list[FieldProblem]) -> None:
    problems += label_selector_problems(term.labelSelector, f"{field}.labelSelector")
    problems += label_selector_problems(term.namespaceSelector, f"{field}.namespaceSelector")
    for name in term.namespaces:
        errors = label_name_errors(name)
        problems += [invalid(f"{field}.namespace", name, why) for why in errors]
    key = term.topologyKey
    if not key:
        problems.append(required(f"{field}.topologyKey", "can not be empty"))
    problems += [invalid(f"{field}.topologyKey", key, why) for why in key_errors(key)]
