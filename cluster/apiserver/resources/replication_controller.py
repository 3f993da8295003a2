"""Replication controllers."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.apiserver.errors import FieldProblem, required
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.pod_template import (
    default_template,
    negative_problems,
    template_problems,
)
from cluster.apiserver.resources.pod_warnings import pod_warnings
from cluster.apiserver.resources.replica_status import replica_status_problems
from serialization.api.core.v1_pb2 import ReplicationController, ReplicationControllerSpec
from serialization.kinds import REPLICATION_CONTROLLERS
from serialization.normal import equal
from serialization.selectors import of_map


class ReplicationControllerStrategy(Strategy[ReplicationController]):
    """Selector and labels default to the template's labels; the generation counts spec changes."""

    resource = REPLICATION_CONTROLLERS
    orphans_dependents = True

    def default(self, obj: ReplicationController) -> None:
        spec = obj.spec
        if spec.HasField("template"):
            template = spec.template
            if template.metadata.labels:
                if not spec.selector:
                    spec.selector.update(template.metadata.labels)
                if not obj.metadata.labels:
                    obj.metadata.labels.update(template.metadata.labels)
            default_template(template)
        if not spec.HasField("replicas"):
            spec.replicas = 1

    def prepare_create(self, obj: ReplicationController) -> None:
        obj.metadata.generation = 1
        obj.status.Clear()
        obj.status.replicas = 0

    def validate(self, obj: ReplicationController) -> list[FieldProblem]:
        return _spec_problems(obj.spec)

    def warnings(self, obj: ReplicationController) -> Sequence[str]:
        return pod_warnings(obj.spec.template.spec, "spec.template.spec")

    def prepare_update(self, new: ReplicationController, old: ReplicationController) -> None:
        new.status.CopyFrom(old.status)
        if not equal(new.spec, old.spec):
            new.metadata.generation = old.metadata.generation + 1

    def prepare_status(self, new: ReplicationController, old: ReplicationController) -> None:
        new.spec.CopyFrom(old.spec)

    def validate_status(
        self, new: ReplicationController, old: ReplicationController
    ) -> list[FieldProblem]:
        return replica_status_problems(new.status)


def _spec_problems(spec: ReplicationControllerSpec) -> list[FieldProblem]:
    problems = negative_problems(("spec.minReadySeconds", spec.minReadySeconds))
    if not spec.selector:
        problems.append(required("spec.selector"))
    problems += negative_problems(("spec.replicas", spec.replicas))
    if not spec.HasField("template"):
        return [*problems, required("spec.template")]
    selector = of_map(spec.selector)
    return problems + template_problems(
        spec.template, selector, "spec.template", "ReplicationController"
    )
