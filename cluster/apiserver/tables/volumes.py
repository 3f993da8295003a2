"""How persistent volumes, and the claims on them, are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from cluster.apiserver.tables.interface import AGE, NAME, Cell, Column, age, joined
from serialization.api.core.v1_pb2 import (
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeSpec,
)
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.api.resource_pb2 import Quantity

CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"
"""Where the class stood before it had a field; it still comes first."""
SHORT_MODES: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
UNSET: Final = "<unset>"


class PersistentVolumePrinter:
    """Name, size, modes, policy, phase, claim, classes, reason, age; wide: the volume's mode."""

    columns = (
        NAME,
        Column("Capacity"),
        Column("Access Modes"),
        Column("Reclaim Policy"),
        Column("Status"),
        Column("Claim"),
        Column("StorageClass"),
        Column("VolumeAttributesClass"),
        Column("Reason"),
        AGE,
        Column("VolumeMode", priority=1),
    )

    def cells(self, obj: PersistentVolume, now: datetime) -> list[Cell]:
        meta, spec = obj.metadata, obj.spec
        claim = spec.claimRef
        return [
            meta.name,
            _storage(spec.capacity),
            _modes(spec.accessModes),
            spec.persistentVolumeReclaimPolicy,
            _phase(meta, obj.status.phase),
            f"{claim.namespace}/{claim.name}" if spec.HasField("claimRef") else "",
            meta.annotations.get(CLASS_ANNOTATION) or spec.storageClassName,
            _attributes_class(spec),
            obj.status.reason,
            age(meta.creationTimestamp, now),
            spec.volumeMode if spec.HasField("volumeMode") else UNSET,
        ]


class PersistentVolumeClaimPrinter:
    """Name, phase, volume, size, modes, classes, age; wide: the volume's mode."""

    columns = (
        NAME,
        Column("Status"),
        Column("Volume"),
        Column("Capacity"),
        Column("Access Modes"),
        Column("StorageClass"),
        Column("VolumeAttributesClass"),
        AGE,
        Column("VolumeMode", priority=1),
    )

    def cells(self, obj: PersistentVolumeClaim, now: datetime) -> list[Cell]:
        meta, spec, status = obj.metadata, obj.spec, obj.status
        bound = bool(spec.volumeName)
        return [
            meta.name,
            _phase(meta, status.phase),
            spec.volumeName,
            _storage(status.capacity) if bound else "",
            _modes(status.accessModes) if bound else "",
            meta.annotations.get(CLASS_ANNOTATION) or spec.storageClassName,
            _attributes_class(spec),
            age(meta.creationTimestamp, now),
            spec.volumeMode if spec.HasField("volumeMode") else UNSET,
        ]


def _phase(meta: ObjectMeta, phase: str) -> str:
    return "Terminating" if meta.HasField("deletionTimestamp") else phase


def _storage(amounts: Mapping[str, Quantity]) -> str:
    # No look-up of a map of messages: that would add what is not there.
    return amounts["storage"].string if "storage" in amounts else ""


def _modes(modes: Iterable[str]) -> str:
    present = frozenset(modes)
    return joined(short for mode, short in SHORT_MODES.items() if mode in present)


def _attributes_class(spec: PersistentVolumeSpec | PersistentVolumeClaimSpec) -> str:
    if spec.HasField("volumeAttributesClassName"):
        return spec.volumeAttributesClassName
    return UNSET
