"""What can be wrong with a pod's volumes: exactly one source each, and that one complete."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    duplicate,
    forbidden_field,
    invalid,
    required,
    unsupported,
)
from cluster.apiserver.resources.metadata import label_name_errors
from cluster.apiserver.resources.value_rules import backstep_errors
from cluster.apiserver.resources.volume_files import (
    judge_config_map,
    judge_downward,
    judge_projected,
    judge_secret,
)
from serialization.api.core.v1_pb2 import Volume, VolumeSource
from serialization.quantity import nano_value

HOST_PATH_TYPES: Final = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
    "Socket",
)  # fmt: skip

MUST_HAVE: Final[dict[str, tuple[str, ...]]] = {
    "awsElasticBlockStore": ("volumeID",),
    "azureDisk": ("diskName", "diskURI"),
    "azureFile": ("secretName", "shareName"),
    "cephfs": ("monitors",),
    "cinder": ("volumeID",),
    "csi": ("driver",),
    "flexVolume": ("driver",),
    "gcePersistentDisk": ("pdName",),
    "gitRepo": ("repository",),
    "glusterfs": ("endpoints", "path"),
    "image": ("reference",),
    "iscsi": ("targetPortal", "iqn"),
    "nfs": ("server", "path"),
    "persistentVolumeClaim": ("claimName",),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "quobyte": ("registry", "volume"),
    "rbd": ("monitors", "image"),
    "scaleIO": ("gateway", "system", "volumeName"),
    "vsphereVolume": ("volumePath",),
}
"""Fields that a source makes no sense without."""


def judge_volumes(
    volumes: Iterable[Volume], field: str, problems: list[FieldProblem]
) -> dict[str, Volume]:
    """Judge a pod's volumes; return them by name."""
    named: dict[str, Volume] = {}
    for index, volume in enumerate(volumes):
        at = f"{field}[{index}]"
        _judge_source(volume.volumeSource, at, problems)
        name = volume.name
        if not name:
            problems.append(required(f"{at}.name"))
        else:
            problems += [invalid(f"{at}.name", name, why) for why in label_name_errors(name)]
        if name in named:
            problems.append(duplicate(f"{at}.name", name))
        named[name] = volume
    return named


def _judge_source(source: VolumeSource, field: str, problems: list[FieldProblem]) -> None:
    seen = False
    for descriptor, value in source.ListFields():
        name = descriptor.name
        if seen:
            why = "may not specify more than 1 volume type"
            problems.append(forbidden_field(f"{field}.{name}", why))
            continue
        seen = True
        problems += [
            required(f"{field}.{name}.{needed}")
            for needed in MUST_HAVE.get(name, ())
            if not getattr(value, needed)
        ]
        _judge_kind(source, name, f"{field}.{name}", problems)
    if not seen:
        problems.append(required(field, "must specify a volume type"))


def _judge_kind(source: VolumeSource, name: str, field: str, problems: list[FieldProblem]) -> None:
    """Judge what a kind of source has beyond fields that must be there."""
    if name == "emptyDir":
        _judge_empty_dir(source, field, problems)
    elif name == "hostPath":
        _judge_host_path(source, field, problems)
    elif name == "configMap":
        judge_config_map(source.configMap, field, problems)
    elif name == "secret":
        judge_secret(source.secret, field, problems)
    elif name == "downwardAPI":
        judge_downward(source.downwardAPI, field, problems)
    elif name == "projected":
        judge_projected(source.projected, field, problems)
    elif name == "nfs":
        path = source.nfs.path
        if path and not path.startswith("/"):
            problems.append(invalid(f"{field}.path", path, "must be an absolute path"))
    elif name == "ephemeral":
        _judge_ephemeral(source, field, problems)


def _judge_empty_dir(source: VolumeSource, field: str, problems: list[FieldProblem]) -> None:
    volume = source.emptyDir
    if volume.HasField("sizeLimit") and nano_value(volume.sizeLimit.string) < 0:
        why = "SizeLimit field must be a valid resource quantity"
        problems.append(forbidden_field(f"{field}.sizeLimit", why))


def _judge_host_path(source: VolumeSource, field: str, problems: list[FieldProblem]) -> None:
    path, kind = source.hostPath.path, source.hostPath.type
    if not path:
        problems.append(required(f"{field}.path"))
    problems += [invalid(f"{field}.path", path, why) for why in backstep_errors(path)]
    if kind not in HOST_PATH_TYPES:
        problems.append(unsupported(f"{field}.type", kind, HOST_PATH_TYPES))


def _judge_ephemeral(source: VolumeSource, field: str, problems: list[FieldProblem]) -> None:
    at = f"{field}.volumeClaimTemplate"
    if not source.ephemeral.HasField("volumeClaimTemplate"):
        problems.append(required(at))
        return
    claim = source.ephemeral.volumeClaimTemplate.spec
    if not claim.accessModes:
        why = "at least 1 access mode is required"
        problems.append(required(f"{at}.spec.accessModes", why))
    if "storage" not in claim.resources.requests:
        problems.append(required(f"{at}.spec.resources[storage]"))
