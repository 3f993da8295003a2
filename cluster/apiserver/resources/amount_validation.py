"""What can be wrong with the amounts of resources that a container asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cluster.apiserver.errors import FieldProblem, forbidden_field, invalid, required
from cluster.apiserver.resources.value_rules import NOT_NEGATIVE
from serialization.api.core.v1_pb2 import ResourceRequirements
from serialization.api.resource_pb2 import Quantity
from serialization.labels import key_errors
from serialization.quantity import nano_value

COMPUTE: Final = frozenset(("cpu", "memory"))
OF_CONTAINERS: Final = frozenset(("cpu", "memory", "ephemeral-storage"))
STANDARD: Final = OF_CONTAINERS | {"pods", "storage"}
HUGE_PAGES: Final = "hugepages-"
NANO: Final = 10**9


def is_extended(name: str) -> bool:
    """Tell whether a resource is one that Kubernetes does not know itself (whole numbers only)."""
    if "/" not in name or "kubernetes.io/" in name or name.startswith("requests."):
        return False
    return not key_errors(f"requests.{name}")


def judge_amounts(
    resources: ResourceRequirements, field: str, problems: list[FieldProblem]
) -> None:
    """Judge limits and requests: names, amounts, and that no request is above its limit."""
    limits, requests = resources.limits, resources.requests
    _judge_each(limits, f"{field}.limits", problems)
    _judge_each(requests, f"{field}.requests", problems)
    for name in sorted(requests):
        _judge_request(name, requests[name].string, limits, field, problems)
    named = {*limits, *requests}
    if not named & COMPUTE and any(name.startswith(HUGE_PAGES) for name in named):
        problems.append(forbidden_field(field, "HugePages require cpu or memory"))


def _judge_each(amounts: Mapping[str, Quantity], field: str, problems: list[FieldProblem]) -> None:
    for name in sorted(amounts):
        at = f"{field}[{name}]"
        if name not in OF_CONTAINERS:
            _judge_name(name, at, problems)
        text = amounts[name].string
        nanos = nano_value(text)
        if nanos < 0:
            problems.append(invalid(at, text, NOT_NEGATIVE))
        if nanos % NANO and is_extended(name):
            problems.append(invalid(at, text, "must be an integer"))
        if name.startswith(HUGE_PAGES):
            _judge_pages(name, nanos, at, text, problems)


def _judge_name(name: str, field: str, problems: list[FieldProblem]) -> None:
    problems += [invalid(field, name, why) for why in key_errors(name)]
    if "/" not in name:
        if name.startswith(HUGE_PAGES):
            return
        if name not in STANDARD:
            why = "must be a standard resource type or fully qualified"
            problems.append(invalid(field, name, why))
        problems.append(invalid(field, name, "must be a standard resource for containers"))
    elif "kubernetes.io/" not in name and not is_extended(name):
        why = "doesn't follow extended resource name standard"
        problems.append(invalid(field, name, why))


def _judge_pages(
    name: str, nanos: int, field: str, text: str, problems: list[FieldProblem]
) -> None:
    try:
        page = nano_value(name.removeprefix(HUGE_PAGES))
    except ValueError:
        page = 0
    if page <= 0:
        problems.append(invalid(field, text, f"{name} names no size of pages"))
    elif nanos <= 0 or nanos % page:
        why = f"must be a positive integer multiple of {name.removeprefix(HUGE_PAGES)}"
        problems.append(invalid(field, text, why))


def _judge_request(
    name: str,
    request: str,
    limits: Mapping[str, Quantity],
    field: str,
    problems: list[FieldProblem],
) -> None:
    whole = name.startswith(HUGE_PAGES) or ("/" in name and "kubernetes.io/" not in name)
    if name not in limits:
        if whole:
            why = "Limit must be set for non overcommitable resources"
            problems.append(required(f"{field}.limits", why))
        return
    limit = limits[name].string
    if request == limit:
        return
    over = nano_value(request) - nano_value(limit)
    if over and whole:
        why = f"must be equal to {name} limit of {limit}"
        problems.append(invalid(f"{field}.requests", request, why))
    elif over > 0:
        why = f"must be less than or equal to {name} limit of {limit}"
        problems.append(invalid(f"{field}.requests", request, why))
