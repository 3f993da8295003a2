"""What can be wrong with volumes made of files: secrets, config maps, facts about the pod."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cluster.apiserver.errors import FieldProblem, forbidden_field, invalid, required
from cluster.apiserver.resources.env_validation import FILE_FIELDS, judge_field, judge_resource
from cluster.apiserver.resources.value_rules import file_path_errors
from serialization.api.core.v1_pb2 import (
    ConfigMapVolumeSource,
    DownwardAPIVolumeFile,
    DownwardAPIVolumeSource,
    KeyToPath,
    ProjectedVolumeSource,
    SecretVolumeSource,
    ServiceAccountTokenProjection,
    VolumeProjection,
)

MODE_MAX: Final = 0o777
_MODE_RULE: Final = "must be a number between 0 and 0777 (octal), both inclusive"
TOKEN_MIN_S: Final = 600
TOKEN_MAX_S: Final = 1 << 32


def judge_secret(source: SecretVolumeSource, field: str, problems: list[FieldProblem]) -> None:
    """Judge a volume of a secret's keys."""
    if not source.secretName:
        problems.append(required(f"{field}.secretName"))
    _judge_mode(source.defaultMode, f"{field}.defaultMode", problems)
    _judge_items(source.items, f"{field}.items", problems)


def judge_config_map(
    source: ConfigMapVolumeSource, field: str, problems: list[FieldProblem]
) -> None:
    """Judge a volume of a config map's keys."""
    if not source.localObjectReference.name:
        problems.append(required(f"{field}.name"))
    _judge_mode(source.defaultMode, f"{field}.defaultMode", problems)
    _judge_items(source.items, f"{field}.items", problems)


def judge_downward(
    source: DownwardAPIVolumeSource, field: str, problems: list[FieldProblem]
) -> None:
    """Judge a volume of facts about the pod."""
    _judge_mode(source.defaultMode, f"{field}.defaultMode", problems)
    for file in source.items:  # Kubernetes tells no index here
        _judge_fact(file, field, problems)


def judge_projected(
    source: ProjectedVolumeSource, field: str, problems: list[FieldProblem]
) -> None:
    """Judge a volume joined of several of the others."""
    _judge_mode(source.defaultMode, f"{field}.defaultMode", problems)
    paths: set[str] = set()
    for index, projection in enumerate(source.sources):
        at = f"{field}.sources[{index}]"
        kinds = [descriptor.name for descriptor, _value in projection.ListFields()]
        if not kinds:
            problems.append(required(at, "must specify a volume type"))
        for kind in kinds[1:]:
            why = "may not specify more than 1 volume type"
            problems.append(forbidden_field(f"{at}.{kind}", why))
        if kinds:
            _judge_projection(projection, kinds[0], f"{at}.{kinds[0]}", problems)
        for path in _paths(projection):
            if path in paths:
                problems.append(invalid(field, path, "conflicting duplicate paths"))
            paths.add(path)


def _judge_mode(mode: int, field: str, problems: list[FieldProblem]) -> None:
    if not 0 <= mode <= MODE_MAX:
        problems.append(invalid(field, mode, _MODE_RULE))


def _judge_items(items: Iterable[KeyToPath], field: str, problems: list[FieldProblem]) -> None:
    for index, item in enumerate(items):
        at = f"{field}[{index}]"
        if not item.key:
            problems.append(required(f"{at}.key"))
        _judge_path(item.path, f"{at}.path", problems)
        if item.HasField("mode"):
            _judge_mode(item.mode, f"{at}.mode", problems)


def _judge_path(path: str, field: str, problems: list[FieldProblem]) -> None:
    if not path:
        problems.append(required(field))
    problems += [invalid(field, path, why) for why in file_path_errors(path)]


def _judge_fact(file: DownwardAPIVolumeFile, field: str, problems: list[FieldProblem]) -> None:
    _judge_path(file.path, f"{field}.path", problems)
    of_container = file.HasField("resourceFieldRef")
    if file.HasField("fieldRef"):
        judge_field(file.fieldRef, f"{field}.fieldRef", FILE_FIELDS, problems)
        if of_container:
            why = "fieldRef and resourceFieldRef can not be specified simultaneously"
            problems.append(invalid(field, "resource", why))
    elif of_container:
        at = f"{field}.resourceFieldRef"
        judge_resource(file.resourceFieldRef, at, problems, in_volume=True)
    else:
        problems.append(required(field, "one of fieldRef and resourceFieldRef is required"))
    if file.HasField("mode"):
        _judge_mode(file.mode, f"{field}.mode", problems)


def _judge_projection(
    projection: VolumeProjection, kind: str, field: str, problems: list[FieldProblem]
) -> None:
    if kind == "secret":
        if not projection.secret.localObjectReference.name:
            problems.append(required(f"{field}.name"))
        _judge_items(projection.secret.items, f"{field}.items", problems)
    elif kind == "configMap":
        if not projection.configMap.localObjectReference.name:
            problems.append(required(f"{field}.name"))
        _judge_items(projection.configMap.items, f"{field}.items", problems)
    elif kind == "downwardAPI":
        for file in projection.downwardAPI.items:
            _judge_fact(file, field, problems)
    elif kind == "serviceAccountToken":
        _judge_token(projection.serviceAccountToken, field, problems)


def _judge_token(
    token: ServiceAccountTokenProjection, field: str, problems: list[FieldProblem]
) -> None:
    life_s = token.expirationSeconds
    if life_s < TOKEN_MIN_S:
        why = "may not specify a duration less than 10 minutes"
        problems.append(invalid(f"{field}.expirationSeconds", life_s, why))
    elif life_s > TOKEN_MAX_S:
        why = "may not specify a duration larger than 2^32 seconds"
        problems.append(invalid(f"{field}.expirationSeconds", life_s, why))
    _judge_path(token.path, f"{field}.path", problems)


def _paths(projection: VolumeProjection) -> Iterable[str]:
    yield from (item.path for item in projection.secret.items)
    yield from (item.path for item in projection.configMap.items)
    yield from (file.path for file in projection.downwardAPI.items)
    if projection.HasField("serviceAccountToken"):
        yield projection.serviceAccountToken.path
