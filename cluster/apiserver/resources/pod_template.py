"""Templates of pods, as every kind that makes pods carries one."""

from __future__ import annotations

import json

from cluster.apiserver.errors import (
    FieldProblem,
    forbidden_field,
    invalid,
    invalid_shown,
    unsupported,
)
from cluster.apiserver.resources.metadata import annotation_problems, label_problems
from cluster.apiserver.resources.pod_defaults import default_pod_spec
from cluster.apiserver.resources.pod_validation import pod_spec_problems
from serialization.api.core.v1_pb2 import PodTemplateSpec
from serialization.selectors import LabelSelector


def default_template(template: PodTemplateSpec) -> None:
    """Fill in a template, as Kubernetes does when it decodes one."""
    template.metadata.SetInParent()
    default_pod_spec(template.spec)


def template_problems(
    template: PodTemplateSpec, selector: LabelSelector, field: str, kind: str
) -> list[FieldProblem]:
    """Return what is wrong with the template of a ``kind`` whose pods run for ever.

    Pods made of it must be selected by ``selector``; one without requirements is not asked.
    """
    problems = []
    labels = template.metadata.labels
    if (selector.requirements or selector.nothing) and not selector.matches(labels):
        shown = json.dumps(dict(labels), sort_keys=True, separators=(",", ":"))
        problems.append(
            invalid_shown(
                f"{field}.metadata.labels",
                shown if labels else "null",
                "`selector` does not match template `labels`",
            )
        )
    problems += label_problems(labels, f"{field}.labels")
    problems += annotation_problems(template.metadata.annotations, f"{field}.annotations")
    spec = template.spec
    problems += pod_spec_problems(spec, f"{field}.spec")
    if spec.ephemeralContainers:
        why = "ephemeral containers not allowed in pod template"
        problems.append(forbidden_field(f"{field}.spec.ephemeralContainers", why))
    if spec.restartPolicy != "Always":
        problems.append(unsupported(f"{field}.spec.restartPolicy", spec.restartPolicy, ("Always",)))
    if spec.HasField("activeDeadlineSeconds"):
        why = f"activeDeadlineSeconds in {kind} is not Supported"
        problems.append(forbidden_field(f"{field}.spec.activeDeadlineSeconds", why))
    return problems


def negative_problems(*numbers: tuple[str, int]) -> list[FieldProblem]:
    """Return a problem for each number, by its field, that is below zero."""
    return [
        invalid(field, value, "must be greater than or equal to 0")
        for field, value in numbers
        if value < 0
    ]
