"""What Kubernetes fills into the volumes of a pod."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from cluster.apiserver.resources.image import pull_policy
from serialization.api.core.v1_pb2 import (
    ConfigMapVolumeSource,
    DownwardAPIVolumeFile,
    DownwardAPIVolumeSource,
    EphemeralVolumeSource,
    HostPathVolumeSource,
    ImageVolumeSource,
    ISCSIVolumeSource,
    ProjectedVolumeSource,
    SecretVolumeSource,
    Volume,
    VolumeProjection,
)

FILE_MODE: Final = 0o644
TOKEN_LIFE_S: Final = 3600


def default_volume(volume: Volume) -> None:
    """Fill in one volume; one without any source is an empty directory (hot path)."""
    sources = volume.volumeSource.ListFields()
    if not sources:
        volume.volumeSource.emptyDir.SetInParent()
        return
    for descriptor, source in sources:
        fill_in = FILLED_IN.get(descriptor.name)
        if fill_in is not None:
            fill_in(source)


def _secret(source: SecretVolumeSource) -> None:
    if not source.HasField("defaultMode"):
        source.defaultMode = FILE_MODE


def _config_map(source: ConfigMapVolumeSource) -> None:
    if not source.HasField("defaultMode"):
        source.defaultMode = FILE_MODE


def _downward(source: DownwardAPIVolumeSource) -> None:
    if not source.HasField("defaultMode"):
        source.defaultMode = FILE_MODE
    _default_files(source.items)


def _projected(source: ProjectedVolumeSource) -> None:
    if not source.HasField("defaultMode"):
        source.defaultMode = FILE_MODE
    for projection in source.sources:
        _default_projection(projection)


def _host_path(source: HostPathVolumeSource) -> None:
    if not source.HasField("type"):
        source.type = ""


def _iscsi(source: ISCSIVolumeSource) -> None:
    if not source.iscsiInterface:
        source.iscsiInterface = "default"


def _image(source: ImageVolumeSource) -> None:
    if not source.pullPolicy:
        source.pullPolicy = pull_policy(source.reference)


def _ephemeral(source: EphemeralVolumeSource) -> None:
    claim = source.volumeClaimTemplate.spec
    if not claim.HasField("volumeMode"):
        claim.volumeMode = "Filesystem"


FILLED_IN: Final[dict[str, Callable[..., None]]] = {
    "configMap": _config_map,
    "downwardAPI": _downward,
    "ephemeral": _ephemeral,
    "hostPath": _host_path,
    "image": _image,
    "iscsi": _iscsi,
    "projected": _projected,
    "secret": _secret,
}
"""What is filled in, by the source's field."""


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
