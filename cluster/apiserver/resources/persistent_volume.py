"""Persistent volumes."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import PersistentVolume
from serialization.kinds import PERSISTENT_VOLUMES
from storage.clock import Clock

PENDING: Final = "Pending"
PROTECTION: Final = "kubernetes.io/pv-protection"


class PersistentVolumeStrategy(Strategy[PersistentVolume]):
    """Pending until a volume controller makes it Available; the time of each change is kept.

    ``protect`` adds the finalizer that keeps a volume until no claim is bound to it
    (Kubernetes' StorageObjectInUseProtection); a controller must take it away again, so it is off.
    """

    resource = PERSISTENT_VOLUMES

    def __init__(self, clock: Clock, *, protect: bool = False) -> None:
        self._clock = clock
        self._protect = protect

    def default(self, obj: PersistentVolume) -> None:
        obj.spec.SetInParent()
        spec = obj.spec
        if not spec.persistentVolumeReclaimPolicy:
            spec.persistentVolumeReclaimPolicy = "Retain"
        if not spec.HasField("volumeMode"):
            spec.volumeMode = "Filesystem"
        if not obj.status.phase:
            obj.status.phase = PENDING

    def prepare_create(self, obj: PersistentVolume) -> None:
        obj.status.Clear()
        obj.status.phase = PENDING
        self._stamp(obj)
        if self._protect and PROTECTION not in obj.metadata.finalizers:
            obj.metadata.finalizers.append(PROTECTION)

    def prepare_update(self, new: PersistentVolume, old: PersistentVolume) -> None:
        new.status.CopyFrom(old.status)

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
