"""Persistent volumes."""

from __future__ import annotations

from collections.abc import Sequence
from posixpath import normpath
from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    forbidden_field,
    invalid,
    required,
    unsupported,
)
from cluster.apiserver.resources.affinity_validation import judge_node_selector
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.storage_rules import (
    STORAGE,
    access_mode_problems,
    class_problems,
    class_warnings,
    positive_problems,
    size_warnings,
    volume_mode_problems,
)
from cluster.apiserver.resources.value_rules import backstep_errors
from cluster.apiserver.resources.volume_validation import HOST_PATH_TYPES, MUST_HAVE
from serialization.api.core.v1_pb2 import PersistentVolume, PersistentVolumeSpec
from serialization.kinds import PERSISTENT_VOLUMES
from serialization.normal import equal
from storage.clock import Clock

PENDING: Final = "Pending"
PROTECTION: Final = "kubernetes.io/pv-protection"
POLICIES: Final = ("Delete", "Recycle", "Retain")
RECYCLING: Final = (
    "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
    "recommended approach is to use dynamic provisioning."
)
BEYOND: Final = {"csi": ("driver", "volumeHandle"), "local": ("path",)}
"""What sources of volumes must have where a pod's own volumes need less, or have no such source."""


class PersistentVolumeStrategy(Strategy[PersistentVolume]):
    """Pending until a volume controller makes it Available; the time of each change is kept.

    ``protect`` adds the finalizer that keeps a volume until no claim is bound to it
    (Kubernetes' StorageObjectInUseProtection); a controller must take it away again, so it is off.
    """

    resource = PERSISTENT_VOLUMES
    answers_deleted_object = True

    def __init__(self, clock: Clock, *, protect: bool = False) -> None:
        self._clock = clock
        self._protect = protect

    def default(self, obj: PersistentVolume) -> None:
        spec = obj.spec
        if not spec.persistentVolumeReclaimPolicy:
            spec.persistentVolumeReclaimPolicy = "Retain"
        if not spec.HasField("volumeMode"):
            spec.volumeMode = "Filesystem"
        source = spec.persistentVolumeSource
        if source.HasField("hostPath") and not source.hostPath.HasField("type"):
            source.hostPath.type = ""
        if source.HasField("iscsi") and not source.iscsi.iscsiInterface:
            source.iscsi.iscsiInterface = "default"
        if not obj.status.phase:
            obj.status.phase = PENDING

    def prepare_create(self, obj: PersistentVolume) -> None:
        obj.status.Clear()
        obj.status.phase = PENDING
        self._stamp(obj)
        if self._protect and PROTECTION not in obj.metadata.finalizers:
            obj.metadata.finalizers.append(PROTECTION)

    def validate(self, obj: PersistentVolume) -> list[FieldProblem]:
        spec = obj.spec
        problems = access_mode_problems(spec.accessModes, "spec.accessModes", "")
        problems += _capacity_problems(spec)
        policy = spec.persistentVolumeReclaimPolicy
        if policy not in POLICIES:
            problems.append(unsupported("spec.persistentVolumeReclaimPolicy", policy, POLICIES))
        if spec.HasField("nodeAffinity"):
            _judge_affinity(spec, problems)
        _judge_source(spec, problems)
        problems += class_problems(spec.storageClassName, "spec.storageClassName")
        return problems + volume_mode_problems(spec.volumeMode, "spec.volumeMode")

    def warnings(self, obj: PersistentVolume) -> Sequence[str]:
        told = class_warnings(obj.metadata)
        if obj.spec.persistentVolumeReclaimPolicy == "Recycle":
            told.append(RECYCLING)
        return told + size_warnings(obj.spec.capacity, "spec.capacity")

    def prepare_update(self, new: PersistentVolume, old: PersistentVolume) -> None:
        new.status.CopyFrom(old.status)

    def validate_update(self, new: PersistentVolume, old: PersistentVolume) -> list[FieldProblem]:
        problems = []
        before, after = old.spec, new.spec
        if not equal(_source_only(after), _source_only(before)):
            why = "spec.persistentvolumesource is immutable after creation"
            problems.append(forbidden_field("spec.persistentvolumesource", why))
        if after.volumeMode != before.volumeMode:
            problems.append(invalid("volumeMode", after.volumeMode, "field is immutable"))
        if before.HasField("nodeAffinity") and not equal(
            _affinity_only(after), _affinity_only(before)
        ):
            problems.append(forbidden_field("spec.nodeAffinity", "field is immutable once set"))
        return problems

    def prepare_status(self, new: PersistentVolume, old: PersistentVolume) -> None:
        new.spec.CopyFrom(old.spec)
        if new.status.phase != old.status.phase:
            self._stamp(new)
        elif old.status.HasField("lastPhaseTransitionTime"):
            new.status.lastPhaseTransitionTime.CopyFrom(old.status.lastPhaseTransitionTime)

    def _stamp(self, obj: PersistentVolume) -> None:
        stamp = obj.status.lastPhaseTransitionTime
        stamp.Clear()
        stamp.seconds = int(self._clock.now().timestamp())


def _source_only(spec: PersistentVolumeSpec) -> PersistentVolumeSpec:
    return PersistentVolumeSpec(persistentVolumeSource=spec.persistentVolumeSource)


def _affinity_only(spec: PersistentVolumeSpec) -> PersistentVolumeSpec:
    return PersistentVolumeSpec(nodeAffinity=spec.nodeAffinity)


def _capacity_problems(spec: PersistentVolumeSpec) -> list[FieldProblem]:
    field, capacity = "spec.capacity", spec.capacity
    problems = [] if capacity else [required(field)]
    if set(capacity) != {STORAGE}:
        shown = ",".join(f'"{name}":"{capacity[name].string}"' for name in sorted(capacity))
        told = f'Unsupported value: {{{shown}}}: supported values: "{STORAGE}"'
        problems.append(FieldProblem(field, "FieldValueNotSupported", told))
    for name in sorted(capacity):
        problems += positive_problems(capacity[name].string, f"{field}[{name}]")
    return problems


def _judge_affinity(spec: PersistentVolumeSpec, problems: list[FieldProblem]) -> None:
    field = "spec.nodeAffinity.required"
    if not spec.nodeAffinity.HasField("required"):
        problems.append(required(field, "must specify required node constraints"))
    else:
        judge_node_selector(spec.nodeAffinity.required, field, problems)


def _judge_source(spec: PersistentVolumeSpec, problems: list[FieldProblem]) -> None:
    """Judge that there is one source, and that it is complete."""
    source = spec.persistentVolumeSource
    kinds = [(descriptor.name, value) for descriptor, value in source.ListFields()]
    if not kinds:
        problems.append(required("spec", "must specify a volume type"))
    for name, _value in kinds[1:]:
        why = "may not specify more than 1 volume type"
        problems.append(forbidden_field(f"spec.{name}", why))
    for name, value in kinds[:1]:
        problems += [
            required(f"spec.{name}.{needed}")
            for needed in BEYOND.get(name) or MUST_HAVE.get(name, ())
            if not getattr(value, needed)
        ]
    if source.HasField("hostPath"):
        _judge_host_path(spec, problems)
    if source.HasField("nfs") and source.nfs.path and not source.nfs.path.startswith("/"):
        problems.append(invalid("spec.nfs.path", source.nfs.path, "must be an absolute path"))
    if source.HasField("local") and not spec.HasField("nodeAffinity"):
        problems.append(required("spec.nodeAffinity", "Local volume requires node affinity"))


def _judge_host_path(spec: PersistentVolumeSpec, problems: list[FieldProblem]) -> None:
    place = spec.persistentVolumeSource.hostPath
    if not place.path:
        problems.append(required("spec.hostPath.path"))
    problems += [
        invalid("spec.hostPath.path", place.path, why) for why in backstep_errors(place.path)
    ]
    if place.type not in HOST_PATH_TYPES:
        problems.append(unsupported("spec.hostPath.type", place.type, HOST_PATH_TYPES))
    if spec.persistentVolumeReclaimPolicy == "Recycle" and normpath(place.path) == "/":
        why = "may not be 'recycle' for a hostPath mount of '/'"
        problems.append(forbidden_field("spec.persistentVolumeReclaimPolicy", why))
