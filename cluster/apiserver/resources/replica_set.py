"""Replica sets."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cluster.apiserver.errors import FieldProblem, invalid_shown, required
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.label_selector import label_selector_problems
from cluster.apiserver.resources.pod_template import (
    default_template,
    negative_problems,
    template_problems,
)
from cluster.apiserver.resources.pod_warnings import pod_warnings
from cluster.apiserver.resources.replica_status import replica_status_problems
from serialization.api.apps.v1_pb2 import ReplicaSet, ReplicaSetSpec
from serialization.api.meta.v1_pb2 import LabelSelector
from serialization.kinds import REPLICA_SETS
from serialization.normal import equal
from serialization.plain import plain
from serialization.selectors import SelectorError, of_message


class ReplicaSetStrategy(Strategy[ReplicaSet]):
    """The selector is given and never changes; the generation counts spec changes."""

    resource = REPLICA_SETS

    def default(self, obj: ReplicaSet) -> None:
        default_template(obj.spec.template)
        if not obj.spec.HasField("replicas"):
            obj.spec.replicas = 1

    def prepare_create(self, obj: ReplicaSet) -> None:
        obj.metadata.generation = 1
        obj.status.Clear()
        obj.status.replicas = 0

    def validate(self, obj: ReplicaSet) -> list[FieldProblem]:
        spec = obj.spec
        problems = negative_problems(
            ("spec.replicas", spec.replicas), ("spec.minReadySeconds", spec.minReadySeconds)
        )
        return problems + _selection_problems(spec)

    def warnings(self, obj: ReplicaSet) -> Sequence[str]:
        return pod_warnings(obj.spec.template.spec, "spec.template.spec")

    def prepare_update(self, new: ReplicaSet, old: ReplicaSet) -> None:
        new.status.CopyFrom(old.status)
        if not equal(new.spec, old.spec):
            new.metadata.generation = old.metadata.generation + 1

    def validate_update(self, new: ReplicaSet, old: ReplicaSet) -> list[FieldProblem]:
        if new.spec.selector == old.spec.selector:
            return []
        shown = _shown(new.spec.selector)
        return [invalid_shown("spec.selector", shown, "field is immutable")]

    def prepare_status(self, new: ReplicaSet, old: ReplicaSet) -> None:
        new.spec.CopyFrom(old.spec)

    def validate_status(self, new: ReplicaSet, old: ReplicaSet) -> list[FieldProblem]:
        return replica_status_problems(new.status)


def _selection_problems(spec: ReplicaSetSpec) -> list[FieldProblem]:
    problems = []
    given = spec.selector if spec.HasField("selector") else None
    if given is None:
        problems.append(required("spec.selector"))
    else:
        problems += label_selector_problems(given, "spec.selector")
        if not given.matchLabels and not given.matchExpressions:
            why = "empty selector is invalid for deployment"
            problems.append(invalid_shown("spec.selector", "{}", why))
    try:
        selector = of_message(given)
    except SelectorError:
        why = "invalid label selector"
        return [*problems, invalid_shown("spec.selector", _shown(given or LabelSelector()), why)]
    return problems + template_problems(spec.template, selector, "spec.template", "ReplicaSet")


def _shown(selector: LabelSelector) -> str:
    return json.dumps(plain(selector), separators=(",", ":"))
