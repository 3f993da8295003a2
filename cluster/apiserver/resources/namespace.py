"""Namespaces."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import FieldProblem
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.metadata import finalizer_name_problems, label_name_errors
from serialization.api.core.v1_pb2 import Namespace
from serialization.kinds import NAMESPACES

NAME_LABEL: Final = "kubernetes.io/metadata.name"
FINALIZER: Final = "kubernetes"


class NamespaceStrategy(Strategy[Namespace]):
    """A namespace is Active until it is deleted; its spec.finalizers keep it until it is empty."""

    resource = NAMESPACES
    tells_grace = False
    verbs = frozenset(("create", "delete", "get", "list", "patch", "update", "watch"))

    def name_errors(self, name: str) -> list[str]:
        return label_name_errors(name)

    def default(self, obj: Namespace) -> None:
        if obj.metadata.name:
            obj.metadata.labels[NAME_LABEL] = obj.metadata.name

    def prepare_create(self, obj: Namespace) -> None:
        obj.status.Clear()
        obj.status.phase = "Active"
        if FINALIZER not in obj.spec.finalizers:
            obj.spec.finalizers.append(FINALIZER)

    def validate(self, obj: Namespace) -> list[FieldProblem]:
        return [
            problem
            for index, name in enumerate(obj.spec.finalizers)
            for problem in finalizer_name_problems(name, f"spec.finalizers[{index}]")
        ]

    def prepare_update(self, new: Namespace, old: Namespace) -> None:
        new.spec.CopyFrom(old.spec)
        new.status.CopyFrom(old.status)

    def prepare_status(self, new: Namespace, old: Namespace) -> None:
        new.spec.CopyFrom(old.spec)
        if not new.metadata.HasField("deletionTimestamp"):
            new.status.phase = "Active"

    def prepare_delete(self, obj: Namespace) -> None:
        obj.status.phase = "Terminating"

    def may_go(self, obj: Namespace) -> bool:
        return not obj.spec.finalizers
