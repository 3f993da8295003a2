"""The conditions that a kubelet keeps on a pod: true or not, why, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from serialization.api.core.v1_pb2 import Pod, PodCondition
from serialization.api.meta.v1_pb2 import Time

KINDS: Final = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
)
"""In a kubelet's order."""
READY_AT: Final = KINDS.index("Ready")


class Verdict(NamedTuple):
    """What a condition is to say."""

    is_true: bool
    reason: str = ""
    message: str = ""


TRUE: Final = Verdict(is_true=True)
ALL_TRUE: Final = dict.fromkeys(KINDS, TRUE)


def set_conditions(pod: Pod, verdicts: Mapping[str, Verdict], now_s: int) -> None:
    """Set the conditions of ``KINDS``; those that others own stay, behind them.

    A condition keeps its transition time unless it turns. Ready also needs the conditions that the
    pod names as its readiness gates.
    """
    conditions = pod.status.conditions
    before: dict[str, PodCondition] = {}
    others: list[PodCondition] = []
    for condition in conditions:
        kept = PodCondition()
        kept.CopyFrom(condition)
        if kept.type in verdicts:
            before[kept.type] = kept
        else:
            others.append(kept)
    del conditions[:]
    now = Time(seconds=now_s)
    for kind in KINDS:
        verdict = verdicts[kind]
        if kind == "Ready" and verdict.is_true and pod.spec.readinessGates:
            verdict = _gated(pod, {condition.type: condition for condition in others})
        status = "True" if verdict.is_true else "False"
        since: Time | None = now
        old = before.get(kind)
        if old is not None and old.status == status:
            since = old.lastTransitionTime if old.HasField("lastTransitionTime") else None
        new = conditions.add(type=kind, status=status, lastTransitionTime=since)
        if verdict.reason:
            new.reason = verdict.reason
            if verdict.message:
                new.message = verdict.message
    conditions.extend(others)


def ready_condition(pod: Pod) -> str:
    """Return the status of a pod's Ready condition; empty when it has none (hot: each event)."""
    conditions = pod.status.conditions
    if len(conditions) > READY_AT:  # where kubelets put it
        condition = conditions[READY_AT]
        if condition.type == "Ready":
            return condition.status
    for condition in conditions:
        if condition.type == "Ready":
            return condition.status
    return ""


def may_be_ready(pod: Pod, *, ready: bool) -> bool:
    """Whether a pod is Ready whose containers are, or are not: its gates have a say, too."""
    if not ready or not pod.spec.readinessGates:
        return ready
    return _gated(pod, {condition.type: condition for condition in pod.status.conditions}).is_true


def _gated(pod: Pod, conditions: Mapping[str, PodCondition]) -> Verdict:
    problems = []
    for gate in pod.spec.readinessGates:
        condition = conditions.get(gate.conditionType)
        if condition is None:
            problems.append(
                f'corresponding condition of pod readiness gate "{gate.conditionType}" does not '
                "exist."
            )
        elif condition.status != "True":
            problems.append(
                f'the status of pod readiness gate "{gate.conditionType}" is not "True", but '
                f"{condition.status}"
            )
    if problems:
        return Verdict(is_true=False, reason="ReadinessGatesNotReady", message=", ".join(problems))
    return TRUE
