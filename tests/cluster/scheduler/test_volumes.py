"""What the volumes behind a pod's claims ask of its node."""

from __future__ import annotations

import asyncio
import random

import pytest

from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.scheduler.constraints import Disk, Requirement, Term
from cluster.scheduler.volumes import NO_VOLUMES, UNBOUND, ClaimedVolumes, VolumeNeeds
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES
from storage.clock import SystemClock

ZONE = "topology.kubernetes.io/zone"
TERM = core.NodeSelectorTerm(
    matchExpressions=[core.NodeSelectorRequirement(key="rack", operator="In", values=["r1"])]
)


def claim(name: str, volume: str = "", *, deleting: bool = False) -> core.PersistentVolumeClaim:
    made = core.PersistentVolumeClaim(
        metadata=ObjectMeta(namespace="ns", name=name),
        spec=core.PersistentVolumeClaimSpec(volumeName=volume),
    )
    if deleting:
        made.metadata.deletionTimestamp.seconds = 1
        made.metadata.finalizers.append("kubernetes.io/pvc-protection")
    return made


def volume(name: str, labels: dict[str, str] | None = None) -> core.PersistentVolume:
    return core.PersistentVolume(metadata=ObjectMeta(name=name, labels=labels or {}))


def mounting(*claims: str) -> core.PodSpec:
    spec = core.PodSpec(volumes=[core.Volume(name="scratch")])
    spec.volumes[0].volumeSource.emptyDir.SetInParent()
    for name in claims:
        added = spec.volumes.add(name=name)
        added.volumeSource.persistentVolumeClaim.claimName = name
    return spec


async def needs(*claims: str) -> VolumeNeeds:
    api, clock = FakeApi(), SystemClock()
    api.add(claim("unbound"))
    api.add(claim("going", "plain", deleting=True))
    api.add(claim("dangling", "nowhere"))
    api.add(claim("bound", "plain"))
    api.add(claim("zonal", "zonal"))
    api.add(claim("local", "local"))
    api.add(volume("plain"))
    zonal = volume("zonal", {ZONE: "a__b"})
    zonal.spec.persistentVolumeSource.gcePersistentDisk.pdName = "disk-1"
    api.add(zonal)
    local = volume("local")
    local.spec.nodeAffinity.required.nodeSelectorTerms.append(TERM)
    api.add(local)
    async with InformerFactory(api, clock, random.Random(0)) as informers:
        claims_cache = informers.informer(PERSISTENT_VOLUME_CLAIMS, core.PersistentVolumeClaim)
        volumes_cache = informers.informer(PERSISTENT_VOLUMES, core.PersistentVolume)
        await claims_cache.wait_synced()
        await volumes_cache.wait_synced()
        return ClaimedVolumes(claims_cache.lister, volumes_cache.lister).needs(
            "ns", mounting(*claims)
        )


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ((), NO_VOLUMES),
        (("bound",), NO_VOLUMES),
        (("unbound",), VolumeNeeds(trouble=UNBOUND)),
        (("missing",), VolumeNeeds(trouble='persistentvolumeclaim "missing" not found')),
        (("going",), VolumeNeeds(trouble='persistentvolumeclaim "going" is being deleted')),
        (("dangling",), VolumeNeeds(trouble='persistentvolume "nowhere" not found')),
        (("zonal",), VolumeNeeds((Disk("gce", "disk-1", False),), ((ZONE, ("a", "b")),))),
        (
            ("bound", "local", "unbound"),
            VolumeNeeds(
                terms=((Term((Requirement("rack", "In", ("r1",)),)),),),
                trouble=UNBOUND,
            ),
        ),
    ],
)
def test_claims_are_read_through_to_their_volumes(
    claims: tuple[str, ...], expected: VolumeNeeds
) -> None:
    assert asyncio.run(needs(*claims)) == expected
