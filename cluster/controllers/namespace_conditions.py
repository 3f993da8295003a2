"""What a namespace that is being deleted says of itself: the five conditions of its status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cluster.client.interface import ApiError
from serialization.api.core.v1_pb2 import Namespace, NamespaceCondition


@dataclass(slots=True)
class Left:
    """What one attempt to empty a namespace has found."""

    undiscovered: Sequence[str] = ()
    """Group versions whose resources are not known."""
    failures: dict[str, ApiError] = field(default_factory=dict)
    """Why content could not be deleted, by resource."""
    objects: dict[str, int] = field(default_factory=dict)
    """How many are left, by resource in the words of messages (``pods.``)."""
    finalizers: dict[str, int] = field(default_factory=dict)
    """How many of those have this finalizer."""
    wait_s: float = 0.0
    """How long what is left may take by itself."""

    @property
    def nothing(self) -> bool:
        """Whether the namespace is known to be empty."""
        return not (self.undiscovered or self.failures or self.objects)


class _Words(NamedTuple):
    type: str
    good: tuple[str, str]
    """Reason and message while all is well (status False)."""
    bad: str
    """The reason otherwise."""


DISCOVERY: Final = _Words(
    "NamespaceDeletionDiscoveryFailure",
    ("ResourcesDiscovered", "All resources successfully discovered"),
    "DiscoveryFailed",
)
PARSING: Final = _Words(
    "NamespaceDeletionGroupVersionParsingFailure",
    ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    "GroupVersionParsingFailed",
)
CONTENT: Final = _Words(
    "NamespaceDeletionContentFailure",
    ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
    "ContentDeletionFailed",
)
REMAINING: Final = _Words(
    "NamespaceContentRemaining",
    ("ContentRemoved", "All content successfully removed"),
    "SomeResourcesRemain",
)
FINALIZERS: Final = _Words(
    "NamespaceFinalizersRemaining",
    ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
    "SomeFinalizersRemain",
)


def set_conditions(namespace: Namespace, left: Left, now_s: int) -> bool:
    """Bring a namespace's conditions to what was found; tell whether that changed them."""
    failures = [f"{name}: {error}" for name, error in sorted(left.failures.items())]
    told = (
        (DISCOVERY, _failing("Discovery failed for some groups", left.undiscovered, "failing")),
        (PARSING, ""),
        (CONTENT, _failing("Failed to delete all resource types", failures, "remaining")),
        (REMAINING, _listed("Some resources are remaining: ", "has", left.objects)),
        (
            FINALIZERS,
            _listed(
                "Some content in the namespace has finalizers remaining: ", "in", left.finalizers
            ),
        ),
    )
    changed = False
    for words, problem in told:
        changed |= _set_condition(namespace, words, problem, now_s)
    return changed


def _set_condition(namespace: Namespace, words: _Words, problem: str, now_s: int) -> bool:
    status = "True" if problem else "False"
    reason, message = (words.bad, problem) if problem else words.good
    for condition in namespace.status.conditions:
        if condition.type == words.type:
            if (condition.status, condition.reason, condition.message) == (status, reason, message):
                return False
            break
    else:
        condition = namespace.status.conditions.add(type=words.type)
    _write(condition, (status, reason, message), now_s)
    return True


def _write(condition: NamespaceCondition, told: tuple[str, str, str], now_s: int) -> None:
    if condition.status != told[0]:
        condition.lastTransitionTime.Clear()
        condition.lastTransitionTime.seconds = now_s
    condition.status, condition.reason, condition.message = told


def _failing(what: str, names: Sequence[str], word: str) -> str:
    return f"{what}, {len(names)} {word}: {', '.join(names)}" if names else ""


def _listed(what: str, word: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    return what + ", ".join(
        f"{name} {word} {count} resource instances" for name, count in sorted(counts.items())
    )
