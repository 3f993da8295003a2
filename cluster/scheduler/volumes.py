"""Where the volumes of a pod's claims are: read through the claims to what they are bound to."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from cluster.client.interface import Lister, ObjectKey
from cluster.scheduler.constraint_reader import REGION_LABELS, ZONE_LABELS, disks_of, term
from cluster.scheduler.constraints import Disk, Term
from serialization.api.core.v1_pb2 import PersistentVolume, PersistentVolumeClaim, PodSpec

UNBOUND: Final = "pod has unbound immediate PersistentVolumeClaims"

ZONE_SEPARATOR: Final = "__"
"""A volume that is in several zones names them all in one label value."""


class VolumeNeeds(NamedTuple):
    """What the volumes behind a pod's claims ask of its node."""

    disks: tuple[Disk, ...] = ()
    zones: tuple[tuple[str, tuple[str, ...]], ...] = ()
    terms: tuple[tuple[Term, ...], ...] = ()
    trouble: str = ""


NO_VOLUMES: Final = VolumeNeeds()


class Volumes(Protocol):
    """Finds what a pod's claims are bound to."""

    def needs(self, namespace: str, spec: PodSpec) -> VolumeNeeds:
        """Return what the volumes of a pod's claims ask of its node."""
        ...


class NoVolumes:
    """Where there are no claims."""

    def needs(self, namespace: str, spec: PodSpec) -> VolumeNeeds:
        return NO_VOLUMES


class ClaimedVolumes:
    """Reads claims and volumes from caches."""

    def __init__(
        self, claims: Lister[PersistentVolumeClaim], volumes: Lister[PersistentVolume]
    ) -> None:
        self._claims = claims
        self._volumes = volumes

    def needs(self, namespace: str, spec: PodSpec) -> VolumeNeeds:
        total = NO_VOLUMES
        for mounted in spec.volumes:
            source = mounted.volumeSource
            if not source.HasField("persistentVolumeClaim"):
                continue
            found = self._of_claim(namespace, source.persistentVolumeClaim.claimName)
            total = VolumeNeeds(
                total.disks + found.disks,
                total.zones + found.zones,
                total.terms + found.terms,
                total.trouble or found.trouble,
            )
        return total

    def _of_claim(self, namespace: str, name: str) -> VolumeNeeds:
        cached = self._claims.get(ObjectKey(namespace, name))
        if cached is None:
            return VolumeNeeds(trouble=f'persistentvolumeclaim "{name}" not found')
        if cached.deleting:
            return VolumeNeeds(trouble=f'persistentvolumeclaim "{name}" is being deleted')
        bound_to = cached.peek().spec.volumeName
        if not bound_to:
            return VolumeNeeds(trouble=UNBOUND)
        volume = self._volumes.get(ObjectKey("", bound_to))
        if volume is None:
            return VolumeNeeds(trouble=f'persistentvolume "{bound_to}" not found')
        return _of_volume(volume.peek())


def _of_volume(volume: PersistentVolume) -> VolumeNeeds:
    labels = volume.metadata.labels
    zones = tuple(
        (key, tuple(labels[key].split(ZONE_SEPARATOR)))
        for key in ZONE_LABELS + REGION_LABELS
        if key in labels
    )
    spec = volume.spec
    terms: tuple[tuple[Term, ...], ...] = ()
    if spec.HasField("nodeAffinity") and spec.nodeAffinity.HasField("required"):
        terms = (tuple(term(each) for each in spec.nodeAffinity.required.nodeSelectorTerms),)
    return VolumeNeeds(tuple(disks_of(spec.persistentVolumeSource)), zones, terms)
