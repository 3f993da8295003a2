"""Which taints a pod tolerates, and for how long; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from serialization.api.core.v1_pb2 import Node, Toleration

NO_EXECUTE = "NoExecute"


class TaintFacts(NamedTuple):
    """A taint."""

    key: str
    value: str
    effect: str


def executing_taints(node: Node) -> tuple[TaintFacts, ...]:
    """Return the taints of a node that drive pods away."""
    return tuple(
        TaintFacts(each.key, each.value, each.effect)
        for each in node.spec.taints
        if each.effect == NO_EXECUTE
    )


def tolerates(toleration: Toleration, taint: TaintFacts) -> bool:
    """Whether a toleration is about a taint. Source: core/v1 ToleratesTaint."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    if not toleration.key:  # an empty key stands for all, but only with Exists
        return False
    return toleration.operator in {"", "Equal"} and toleration.value == taint.value


def tolerated_s(tolerations: Sequence[Toleration], taints: Sequence[TaintFacts]) -> float | None:
    """Return for how long a pod stands all taints; None for ever, 0 not at all.

    Of the tolerations that are about any of them the shortest time holds.
    """
    used = []
    for taint in taints:
        about = [each for each in tolerations if tolerates(each, taint)]
        if not about:
            return 0.0
        used += about
    limits = [max(each.tolerationSeconds, 0) for each in used if each.HasField("tolerationSeconds")]
    return float(min(limits)) if limits else None
