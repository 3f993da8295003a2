"""What can be wrong with where a container mounts volumes, as directories and as devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    forbidden_field,
    invalid,
    required,
    unsupported,
)
from cluster.apiserver.resources.value_rules import backstep_errors, descending_path_errors
from serialization.api.core.v1_pb2 import Container, Volume, VolumeMount

PROPAGATIONS: Final = ("Bidirectional", "HostToContainer", "None")
READ_ONLY_DEPTHS: Final = ("Disabled", "Enabled", "IfPossible")


def judge_mounts(
    container: Container, field: str, volumes: Mapping[str, Volume], problems: list[FieldProblem]
) -> None:
    """Judge a container's mounts against the volumes of its pod, by name."""
    seen: set[str] = set()
    devices = {device.name for device in container.volumeDevices}
    device_paths = {device.devicePath for device in container.volumeDevices}
    for index, mount in enumerate(container.volumeMounts):
        at = f"{field}.volumeMounts[{index}]"
        if not mount.name:
            problems.append(required(f"{at}.name"))
        if mount.name not in volumes:
            problems.append(_not_found(f"{at}.name", mount.name))
        path = mount.mountPath
        if not path:
            problems.append(required(f"{at}.mountPath"))
        if path in seen:
            problems.append(invalid(f"{at}.mountPath", path, "must be unique"))
        seen.add(path)
        if mount.name in devices:
            why = "must not already exist in volumeDevices"
            problems.append(invalid(f"{at}.name", mount.name, why))
        if path in device_paths:
            why = "must not already exist as a path in volumeDevices"
            problems.append(invalid(f"{at}.mountPath", path, why))
        _judge_options(mount, container, f"{field}.volumeMounts", index, problems)


def _not_found(field: str, name: str) -> FieldProblem:
    return FieldProblem(field, "FieldValueNotFound", f'Not found: "{name}"')


def _judge_options(
    mount: VolumeMount,
    container: Container,
    field: str,
    index: int,
    problems: list[FieldProblem],
) -> None:
    """Judge what few mounts have. Kubernetes tells some of it without the mount's index."""
    if mount.subPath:
        errors = descending_path_errors(mount.subPath)
        problems += [invalid(f"{field}.subPath", mount.subPath, why) for why in errors]
    if mount.subPathExpr:
        if mount.subPath:
            why = "subPathExpr and subPath are mutually exclusive"
            problems.append(invalid(f"{field}[{index}].subPathExpr", mount.subPathExpr, why))
        errors = descending_path_errors(mount.subPathExpr)
        problems += [invalid(f"{field}.subPathExpr", mount.subPathExpr, why) for why in errors]
    if mount.HasField("mountPropagation"):
        at = f"{field}.mountPropagation"
        if mount.mountPropagation not in PROPAGATIONS:
            problems.append(unsupported(at, mount.mountPropagation, PROPAGATIONS))
        elif mount.mountPropagation == "Bidirectional" and not _privileged(container):
            why = "Bidirectional mount propagation is available only to privileged containers"
            problems.append(forbidden_field(at, why))
    if mount.HasField("recursiveReadOnly"):
        _judge_read_only(mount, f"{field}.recursiveReadOnly", problems)


def _privileged(container: Container) -> bool:
    return container.HasField("securityContext") and container.securityContext.privileged


def _judge_read_only(mount: VolumeMount, field: str, problems: list[FieldProblem]) -> None:
    depth = mount.recursiveReadOnly
    if depth not in READ_ONLY_DEPTHS:
        problems.append(unsupported(field, depth, READ_ONLY_DEPTHS))
    elif depth != "Disabled":
        if not mount.readOnly:
            why = "may only be specified when readOnly is true"
            problems.append(forbidden_field(field, why))
        if mount.mountPropagation not in {"", "None"}:
            why = "may only be specified when mountPropagation is None or not specified"
            problems.append(forbidden_field(field, why))


def judge_devices(
    container: Container, field: str, volumes: Mapping[str, Volume], problems: list[FieldProblem]
) -> None:
    """Judge the volumes that a container sees as raw devices."""
    names: set[str] = set()
    paths: set[str] = set()
    for index, device in enumerate(container.volumeDevices):
        at = f"{field}.volumeDevices[{index}]"
        name, path = device.name, device.devicePath
        if not name:
            problems.append(required(f"{at}.name"))
        if name in names:
            problems.append(invalid(f"{at}.name", name, "must be unique"))
        if not path:
            problems.append(required(f"{at}.devicePath"))
        if path in paths:
            problems.append(invalid(f"{at}.devicePath", path, "must be unique"))
        if path and backstep_errors(path):
            problems.append(invalid(f"{at}.devicePath", path, "can not contain backsteps ('..')"))
        _judge_place(name, path, at, container, problems)
        _judge_backing(name, f"{at}.name", volumes, problems)
        names.add(name)
        paths.add(path)


def _judge_place(
    name: str, path: str, field: str, container: Container, problems: list[FieldProblem]
) -> None:
    """Judge that a device is not mounted as well, and nothing else is where it is to appear."""
    if any(mount.name == name for mount in container.volumeMounts):
        why = "must not already exist in volumeMounts"
        problems.append(invalid(f"{field}.name", name, why))
    if any(mount.mountPath == path for mount in container.volumeMounts):
        why = "must not already exist as a path in volumeMounts"
        problems.append(invalid(f"{field}.devicePath", path, why))


def _judge_backing(
    name: str, field: str, volumes: Mapping[str, Volume], problems: list[FieldProblem]
) -> None:
    if name not in volumes:
        problems.append(_not_found(field, name))
    elif not _is_claim(volumes[name]):
        why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        problems.append(invalid(field, name, why))


def _is_claim(volume: Volume) -> bool:
    source = volume.volumeSource
    return source.HasField("persistentVolumeClaim") or source.HasField("ephemeral")
