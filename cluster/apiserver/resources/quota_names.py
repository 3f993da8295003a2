"""The names of resources that quotas and limit ranges may be about, and their amounts."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import FieldProblem, invalid
from cluster.apiserver.resources.amount_validation import is_extended
from cluster.apiserver.resources.value_rules import NOT_NEGATIVE
from serialization.labels import key_errors
from serialization.quantity import nano_value

COMPUTE: Final = frozenset(
    ("cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory")
)
COUNTS: Final = frozenset(
    (
        "configmaps",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "services",
        "services.loadbalancers",
        "services.nodeports",
    )
)
STORAGE: Final = frozenset(
    (
        "ephemeral-storage",
        "limits.ephemeral-storage",
        "requests.ephemeral-storage",
        "requests.storage",
    )
)
OF_QUOTAS: Final = COMPUTE | COUNTS | STORAGE
STANDARD: Final = OF_QUOTAS | {"storage"}
HUGE_PAGES: Final = ("hugepages-", "requests.hugepages-")

_NANO: Final = 10**9


def resource_name_problems(name: str, field: str) -> list[FieldProblem]:
    """Return what is wrong with the name of a resource."""
    problems = [invalid(field, name, why) for why in key_errors(name)]
    if not problems and "/" not in name and not is_standard(name):
        why = "must be a standard resource type or fully qualified"
        problems.append(invalid(field, name, why))
    return problems


def is_standard(name: str) -> bool:
    """Tell whether a name without a domain is one that Kubernetes knows."""
    return name in STANDARD or name.startswith(HUGE_PAGES)


def is_of_quotas(name: str) -> bool:
    """Tell whether a name without a domain is one that quotas may be about."""
    return name in OF_QUOTAS or name.startswith(HUGE_PAGES)


def amount_problems(name: str, text: str, field: str) -> list[FieldProblem]:
    """Return what is wrong with an amount of a resource; things that are counted come whole."""
    nanos = nano_value(text)
    problems = []
    if nanos < 0:
        problems.append(invalid(field, text, NOT_NEGATIVE))
    if nanos % _NANO and (name in COUNTS or is_extended(name)):
        problems.append(invalid(field, text, "must be an integer"))
    return problems
