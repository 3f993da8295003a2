"""Claims on persistent volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cluster.apiserver.errors import FieldProblem, forbidden_field, invalid, required
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.label_selector import label_selector_problems
from cluster.apiserver.resources.storage_rules import (
    STORAGE,
    access_mode_problems,
    class_problems,
    class_warnings,
    positive_problems,
    size_warnings,
    volume_mode_problems,
)
from serialization.api.core.v1_pb2 import PersistentVolumeClaim, PersistentVolumeClaimSpec
from serialization.kinds import PERSISTENT_VOLUME_CLAIMS
from serialization.labels import subdomain_errors
from serialization.normal import equal
from serialization.quantity import compare, nano_value

PENDING: Final = "Pending"
BOUND: Final = "Bound"
PROTECTION: Final = "kubernetes.io/pvc-protection"

_IMMUTABLE: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims"
)


class PersistentVolumeClaimStrategy(Strategy[PersistentVolumeClaim]):
    """Pending until a volume controller binds it.

    ``protect`` adds the finalizer that keeps a claim until no pod uses it (Kubernetes'
    StorageObjectInUseProtection); a controller must take it away again, so it is off.
    """

    resource = PERSISTENT_VOLUME_CLAIMS
    answers_deleted_object = True

    def __init__(self, *, protect: bool = False) -> None:
        self._protect = protect

    def default(self, obj: PersistentVolumeClaim) -> None:
        spec = obj.spec
        spec.resources.SetInParent()
        if not spec.HasField("volumeMode"):
            spec.volumeMode = "Filesystem"
        _default_source(spec)
        if not obj.status.phase:
            obj.status.phase = PENDING

    def prepare_create(self, obj: PersistentVolumeClaim) -> None:
        obj.status.Clear()
        obj.status.phase = PENDING
        if self._protect and PROTECTION not in obj.metadata.finalizers:
            obj.metadata.finalizers.append(PROTECTION)

    def validate(self, obj: PersistentVolumeClaim) -> list[FieldProblem]:
        spec = obj.spec
        why = "at least 1 access mode is required"
        problems = access_mode_problems(spec.accessModes, "spec.accessModes", why)
        problems += label_selector_problems(spec.selector, "spec.selector")
        requests, field = spec.resources.requests, f"spec.resources[{STORAGE}]"
        if STORAGE in requests:
            problems += positive_problems(requests[STORAGE].string, field)
        else:
            problems.append(required(field))
        problems += class_problems(spec.storageClassName, "spec.storageClassName")
        problems += volume_mode_problems(spec.volumeMode, "spec.volumeMode")
        return problems + _source_problems(spec)

    def warnings(self, obj: PersistentVolumeClaim) -> Sequence[str]:
        requests = obj.spec.resources.requests
        return class_warnings(obj.metadata) + size_warnings(requests, "spec.resources.requests")

    def prepare_update(self, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
        new.status.CopyFrom(old.status)

    def validate_update(
        self, new: PersistentVolumeClaim, old: PersistentVolumeClaim
    ) -> list[FieldProblem]:
        problems = []
        if not equal(_fixed(new, old), _fixed(old, old)):
            problems.append(forbidden_field("spec", _IMMUTABLE))
        problems += _shrink_problems(new, old)
        if new.spec.volumeMode != old.spec.volumeMode:
            problems.append(invalid("volumeMode", new.spec.volumeMode, "field is immutable"))
        return problems

    def prepare_status(self, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
        new.spec.CopyFrom(old.spec)

    def validate_status(
        self, new: PersistentVolumeClaim, old: PersistentVolumeClaim
    ) -> list[FieldProblem]:
        capacity = new.status.capacity
        return [
            invalid(f"status.capacity[{name}]", text, "must be a valid resource quantity")
            for name in sorted(capacity)
            if nano_value(text := capacity[name].string) < 0
        ]


def _default_source(spec: PersistentVolumeClaimSpec) -> None:
    """Keep both ways of naming a source in step, where one that both know is named."""
    if spec.HasField("dataSource") and not spec.HasField("dataSourceRef"):
        spec.dataSourceRef.kind = spec.dataSource.kind
        spec.dataSourceRef.name = spec.dataSource.name
        if spec.dataSource.HasField("apiGroup"):
            spec.dataSourceRef.apiGroup = spec.dataSource.apiGroup
    elif spec.HasField("dataSourceRef") and not spec.HasField("dataSource"):
        if spec.dataSourceRef.HasField("namespace"):
            return
        spec.dataSource.kind = spec.dataSourceRef.kind
        spec.dataSource.name = spec.dataSourceRef.name
        if spec.dataSourceRef.HasField("apiGroup"):
            spec.dataSource.apiGroup = spec.dataSourceRef.apiGroup


def _source_problems(spec: PersistentVolumeClaimSpec) -> list[FieldProblem]:
    if not spec.HasField("dataSourceRef"):
        return []
    problems = []
    source, field = spec.dataSourceRef, "spec.dataSourceRef"
    if not source.name:
        problems.append(required(f"{field}.name"))
    if not source.kind:
        problems.append(required(f"{field}.kind"))
    if not source.apiGroup and source.kind != PERSISTENT_VOLUME_CLAIMS.kind:
        why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        problems.append(invalid(field, source.kind, why))
    if source.apiGroup:
        group = source.apiGroup
        problems += [invalid(f"{field}.apiGroup", group, why) for why in subdomain_errors(group)]
    if spec.HasField("dataSource"):
        given = spec.dataSource
        if (given.kind, given.name, given.apiGroup) != (source.kind, source.name, source.apiGroup):
            problems.append(invalid("spec.dataSource", given.name, "must match dataSourceRef"))
    return problems


def _fixed(claim: PersistentVolumeClaim, old: PersistentVolumeClaim) -> PersistentVolumeClaimSpec:
    """Return the part of a claim's spec that may not change any more.

    The volume's name and a class may still be set once; the size of a bound claim may change.
    """
    fixed = PersistentVolumeClaimSpec()
    fixed.CopyFrom(claim.spec)
    if not old.spec.volumeName:
        fixed.ClearField("volumeName")
    if not old.spec.HasField("storageClassName"):
        fixed.ClearField("storageClassName")
    if old.status.phase == BOUND:
        fixed.resources.requests.pop(STORAGE, None)
        fixed.ClearField("volumeAttributesClassName")
    return fixed


def _shrink_problems(new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> list[FieldProblem]:
    after, before = new.spec.resources.requests, old.spec.resources.requests
    if STORAGE not in after or STORAGE not in before:
        return []
    if compare(after[STORAGE].string, before[STORAGE].string) >= 0:
        return []
    capacity = old.status.capacity
    if STORAGE in capacity and compare(after[STORAGE].string, capacity[STORAGE].string) > 0:
        return []  # taking back an expansion that has not come about
    why = "field can not be less than status.capacity"
    return [forbidden_field("spec.resources.requests.storage", why)]
