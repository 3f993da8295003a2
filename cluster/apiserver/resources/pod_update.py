"""What may change in a pod once it is there: hardly anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    forbidden_field,
    invalid,
    invalid_shown,
    required,
)
from cluster.apiserver.resources.spread_validation import toleration_problems
from cluster.apiserver.resources.value_rules import ID_MAX
from serialization.api.core.v1_pb2 import Container, Pod, PodSpec, Toleration
from serialization.normal import equal

_UNTOUCHABLE: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was previously negative)"
)


def pod_update_problems(new: Pod, old: Pod) -> list[FieldProblem]:
    """Return what is wrong with the change of a pod's spec; of equal ones there is nothing.

    Kubernetes' message ends with a difference of its internal structures; ours does not.
    """
    if equal(new.spec, old.spec):
        return []
    problems: list[FieldProblem] = []
    for kind, containers, before in (
        ("containers", new.spec.containers, old.spec.containers),
        ("initContainers", new.spec.initContainers, old.spec.initContainers),
    ):
        if len(containers) != len(before):
            why = "pod updates may not add or remove containers"
            return [*problems, forbidden_field(f"spec.{kind}", why)]
        problems += _image_problems(containers, f"spec.{kind}")
    deadline = _deadline_problem(new.spec, old.spec)
    if deadline is not None:
        return [*problems, deadline]
    problems += _toleration_problems(new.spec.tolerations, old.spec.tolerations)
    problems += _gate_problems(new.spec, old.spec)
    if not equal(_with_allowed_changes(old.spec, new.spec), new.spec):
        problems.append(forbidden_field("spec", _UNTOUCHABLE))
    return problems


def _image_problems(containers: Sequence[Container], field: str) -> list[FieldProblem]:
    problems = []
    for index, container in enumerate(containers):
        at, image = f"{field}[{index}].image", container.image
        if not image:
            problems.append(required(at))
        if image != image.strip():
            problems.append(invalid(at, image, "must not have leading or trailing whitespace"))
    return problems


def _deadline_problem(new: PodSpec, old: PodSpec) -> FieldProblem | None:
    """A deadline may be set, and drawn nearer."""
    field, deadline_s = "spec.activeDeadlineSeconds", new.activeDeadlineSeconds
    if not new.HasField("activeDeadlineSeconds"):
        if not old.HasField("activeDeadlineSeconds"):
            return None
        why = "must not update from a positive integer to nil value"
        return invalid_shown(field, "null", why)
    if not 0 <= deadline_s <= ID_MAX:
        return invalid(field, deadline_s, f"must be between 0 and {ID_MAX}, inclusive")
    if old.HasField("activeDeadlineSeconds") and deadline_s > old.activeDeadlineSeconds:
        return invalid(field, deadline_s, "must be less than or equal to previous value")
    return None


def _toleration_problems(
    new: Sequence[Toleration], old: Sequence[Toleration]
) -> list[FieldProblem]:
    """Tolerations may come, and change how long they tolerate; none may go."""
    if list(new) == list(old):
        return []
    kept = {_what(each) for each in new}
    if any(_what(each) not in kept for each in old):
        why = "existing toleration can not be modified except its tolerationSeconds"
        return [forbidden_field("spec.tolerations", why)]
    return toleration_problems(new, "spec.tolerations")


def _what(toleration: Toleration) -> tuple[str, str, str, str]:
    return toleration.key, toleration.operator, toleration.value, toleration.effect


def _gate_problems(new: PodSpec, old: PodSpec) -> list[FieldProblem]:
    """Gates may only go; a pod that waits for some may still narrow where it can run."""
    before = {gate.name for gate in old.schedulingGates}
    problems = [
        forbidden_field(
            f"spec.schedulingGates[{index}]",
            f"only deletion is allowed, but found new scheduling gate '{gate.name}'",
        )
        for index, gate in enumerate(new.schedulingGates)
        if gate.name not in before
    ]
    selector = new.nodeSelector
    if before and any(selector.get(key) != value for key, value in old.nodeSelector.items()):
        shown = json.dumps(dict(selector), sort_keys=True, separators=(",", ":"))
        why = "only additions are allowed (no mutations or deletions)"
        problems.append(invalid_shown("spec.nodeSelector", shown, why))
    return problems


def _with_allowed_changes(old: PodSpec, new: PodSpec) -> PodSpec:
    """Return the old spec with those fields of the new one that an update may change."""
    spec = PodSpec()
    spec.CopyFrom(old)
    for mine, theirs in zip(spec.containers, new.containers, strict=True):
        mine.image = theirs.image
    for mine, theirs in zip(spec.initContainers, new.initContainers, strict=True):
        mine.image = theirs.image
    spec.ClearField("activeDeadlineSeconds")
    if new.HasField("activeDeadlineSeconds"):
        spec.activeDeadlineSeconds = new.activeDeadlineSeconds
    del spec.tolerations[:]
    spec.tolerations.extend(new.tolerations)
    if old.terminationGracePeriodSeconds < 0 and new.terminationGracePeriodSeconds == 1:
        spec.terminationGracePeriodSeconds = 1
    if old.schedulingGates:
        del spec.schedulingGates[:]
        spec.schedulingGates.extend(new.schedulingGates)
        spec.nodeSelector.clear()
        spec.nodeSelector.update(new.nodeSelector)
    return spec
