"""Claims on persistent volumes."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import PersistentVolumeClaim
from serialization.kinds import PERSISTENT_VOLUME_CLAIMS

PENDING: Final = "Pending"
PROTECTION: Final = "kubernetes.io/pvc-protection"


class PersistentVolumeClaimStrategy(Strategy[PersistentVolumeClaim]):
    """Pending until a volume controller binds it.

    ``protect`` adds the finalizer that keeps a claim until no pod uses it (Kubernetes'
    StorageObjectInUseProtection); a controller must take it away again, so it is off.
    """

    resource = PERSISTENT_VOLUME_CLAIMS

    def __init__(self, *, protect: bool = False) -> None:
        self._protect = protect

    def default(self, obj: PersistentVolumeClaim) -> None:
        spec = obj.spec
        spec.resources.SetInParent()
        if not spec.HasField("volumeMode"):
            spec.volumeMode = "Filesystem"
        if spec.HasField("dataSource") and not spec.HasField("dataSourceRef"):
            source, target = spec.dataSource, spec.dataSourceRef
            target.kind, target.name = source.kind, source.name
            if source.HasField("apiGroup"):
                target.apiGroup = source.apiGroup
        if not obj.status.phase:
            obj.status.phase = PENDING

    def prepare_create(self, obj: PersistentVolumeClaim) -> None:
        obj.status.Clear()
        obj.status.phase = PENDING
        if self._protect and PROTECTION not in obj.metadata.finalizers:
            obj.metadata.finalizers.append(PROTECTION)

    def prepare_update(self, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
        new.status.CopyFrom(old.status)

    def prepare_status(self, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
        new.spec.CopyFrom(old.spec)
