"""What Kubernetes fills into the volumes of a pod."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cluster.apiserver.resources.image import pull_policy
from serialization.api.core.v1_pb2 import (
    DownwardAPIVolumeFile,
    Volume,
    VolumeProjection,
    VolumeSource,
)

FILE_MODE: Final = 0o644
TOKEN_LIFE_S: Final = 3600


def default_volume(volume: Volume) -> None:
    """Fill in one volume; one without any source is an empty directory."""
    if not volume.HasField("volumeSource") or not volume.volumeSource.ListFields():
        volume.volumeSource.emptyDir.SetInParent()
        return
    source = volume.volumeSource
    _default_files_volume(source)
    if source.HasField("hostPath") and not source.hostPath.HasField("type"):
        source.hostPath.type = ""
    if source.HasField("iscsi") and not source.iscsi.iscsiInterface:
        source.iscsi.iscsiInterface = "default"
    if source.HasField("image") and not source.image.pullPolicy:
        source.image.pullPolicy = pull_policy(source.image.reference)
    if source.HasField("ephemeral"):
        claim = source.ephemeral.volumeClaimTemplate.spec
        if not claim.HasField("volumeMode"):
            claim.volumeMode = "Filesystem"


def _default_files_volume(source: VolumeSource) -> None:
    if source.HasField("secret") and not source.secret.HasField("defaultMode"):
        source.secret.defaultMode = FILE_MODE
    if source.HasField("configMap") and not source.configMap.HasField("defaultMode"):
        source.configMap.defaultMode = FILE_MODE
    if source.HasField("downwardAPI"):
        if not source.downwardAPI.HasField("defaultMode"):
            source.downwardAPI.defaultMode = FILE_MODE
        _default_files(source.downwardAPI.items)
    if source.HasField("projected"):
        if not source.projected.HasField("defaultMode"):
            source.projected.defaultMode = FILE_MODE
        for projection in source.projected.sources:
            _default_projection(projection)


def _default_projection(projection: VolumeProjection) -> None:
    if projection.HasField("serviceAccountToken"):
        token = projection.serviceAccountToken
        if not token.HasField("expirationSeconds"):
            token.expirationSeconds = TOKEN_LIFE_S
    if projection.HasField("downwardAPI"):
        _default_files(projection.downwardAPI.items)


def _default_files(files: Iterable[DownwardAPIVolumeFile]) -> None:
    for file in files:
        if file.HasField("fieldRef") and not file.fieldRef.apiVersion:
            file.fieldRef.apiVersion = "v1"
        if file.HasField("resourceFieldRef") and not file.resourceFieldRef.divisor.string:
            file.resourceFieldRef.divisor.string = "0"
