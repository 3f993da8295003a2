"""Replication controllers."""

from __future__ import annotations

from cluster.apiserver.errors import FieldProblem, invalid, required, unsupported
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.metadata import label_problems
from cluster.apiserver.resources.pod_defaults import default_pod_spec
from cluster.apiserver.resources.pod_validation import pod_spec_problems
from serialization.api.core.v1_pb2 import ReplicationController, ReplicationControllerSpec
from serialization.kinds import REPLICATION_CONTROLLERS


class ReplicationControllerStrategy(Strategy[ReplicationController]):
    """Selector and labels default to the template's labels; the generation counts spec changes."""

    resource = REPLICATION_CONTROLLERS

    def default(self, obj: ReplicationController) -> None:
        spec = obj.spec
        if spec.HasField("template"):
            template = spec.template
            if template.metadata.labels:
                if not spec.selector:
                    spec.selector.update(template.metadata.labels)
                if not obj.metadata.labels:
                    obj.metadata.labels.update(template.metadata.labels)
            template.metadata.SetInParent()
            default_pod_spec(template.spec)
        if not spec.HasField("replicas"):
            spec.replicas = 1

    def prepare_create(self, obj: ReplicationController) -> None:
        obj.metadata.generation = 1
        obj.status.Clear()
        obj.status.replicas = 0

    def validate(self, obj: ReplicationController) -> list[FieldProblem]:
        return _spec_problems(obj.spec)

    def prepare_update(self, new: ReplicationController, old: ReplicationController) -> None:
        new.status.CopyFrom(old.status)
        if new.spec != old.spec:
            new.metadata.generation = old.metadata.generation + 1

    def prepare_status(self, new: ReplicationController, old: ReplicationController) -> None:
        new.spec.CopyFrom(old.spec)


def _spec_problems(spec: ReplicationControllerSpec) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    if spec.minReadySeconds < 0:
        problems.append(_negative("spec.minReadySeconds", spec.minReadySeconds))
    if spec.replicas < 0:
        problems.append(_negative("spec.replicas", spec.replicas))
    if not spec.selector:
        problems.append(required("spec.selector"))
    if not spec.HasField("template"):
        return [*problems, required("spec.template")]
    template = spec.template
    labels = template.metadata.labels
    if any(labels.get(key) != value for key, value in spec.selector.items()):
        shown = ",".join(f'"{key}":"{labels[key]}"' for key in sorted(labels))
        problems.append(
            FieldProblem(
                "spec.template.metadata.labels",
                "FieldValueInvalid",
                f"Invalid value: {{{shown}}}: `selector` does not match template `labels`",
            )
        )
    problems += label_problems(labels, "spec.template.labels")
    problems += pod_spec_problems(template.spec, "spec.template.spec")
    if template.spec.restartPolicy not in {"Always", ""}:
        problems.append(
            unsupported(
                "spec.template.spec.restartPolicy", template.spec.restartPolicy, ("Always",)
            )
        )
    if template.spec.HasField("activeDeadlineSeconds"):
        problems.append(
            FieldProblem(
                "spec.template.spec.activeDeadlineSeconds",
                "FieldValueForbidden",
                "Forbidden: activeDeadlineSeconds in ReplicationController is not Supported",
            )
        )
    return problems


def _negative(field: str, value: int) -> FieldProblem:
    return invalid(field, value, "must be greater than or equal to 0")
