"""What can be wrong with a container's environment, and with references to fields of its pod."""

from __future__ import annotations

import re
from typing import Final

from cluster.apiserver.errors import FieldProblem, invalid, required, unsupported
from cluster.apiserver.resources.value_rules import (
    config_key_errors,
    is_variable_name,
    variable_name_errors,
)
from serialization.api.core.v1_pb2 import (
    Container,
    EnvFromSource,
    EnvVar,
    ObjectFieldSelector,
    ResourceFieldSelector,
)
from serialization.labels import key_errors
from serialization.quantity import nano_value

ENV_FIELDS: Final = frozenset(
    (
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    )
)
FILE_FIELDS: Final = frozenset(
    (
        "metadata.annotations",
        "metadata.labels",
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
    )
)
_KNOWN_FIELDS: Final = (
    ENV_FIELDS | FILE_FIELDS | {"spec.restartPolicy", "spec.schedulerName", "status.phase"}
)
RESOURCES: Final = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGE_PAGES: Final = ("limits.hugepages-", "requests.hugepages-")
_CPU_DIVISORS: Final = frozenset(("1m", "1"))
_SIZE_DIVISORS: Final = (
    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
)  # fmt: skip
_SUBSCRIPT: Final = re.compile(r"(.+?)\['(.*)'\]")
_ONE_OF: Final = (
    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
)
_ONLY_ONE: Final = "may not have more than one field specified at a time"


def judge_env(container: Container, field: str, problems: list[FieldProblem]) -> None:
    """Judge a container's variables, single and from whole objects (hot path)."""
    for index, variable in enumerate(container.env):
        name = variable.name
        if not is_variable_name(name):
            at = f"{field}.env[{index}].name"
            if not name:
                problems.append(required(at))
            else:
                problems += [invalid(at, name, why) for why in variable_name_errors(name)]
        if variable.HasField("valueFrom"):
            _judge_source(variable, f"{field}.env[{index}].valueFrom", problems)
    for index, source in enumerate(container.envFrom):
        _judge_whole(source, f"{field}.envFrom", index, problems)


def is_quiet(container: Container) -> bool:
    """Tell whether variables give neither cause for a complaint nor for a warning (hot path).

    A warning is deserved by a name that stands there twice.
    """
    problems: list[FieldProblem] = []
    judge_env(container, "", problems)
    names = [variable.name for variable in container.env]
    return not problems and len(set(names)) == len(names)


def _judge_source(variable: EnvVar, field: str, problems: list[FieldProblem]) -> None:
    source = variable.valueFrom
    sources = source.ListFields()
    if source.HasField("fieldRef"):
        judge_field(source.fieldRef, f"{field}.fieldRef", ENV_FIELDS, problems)
    if source.HasField("resourceFieldRef"):
        judge_resource(source.resourceFieldRef, f"{field}.resourceFieldRef", problems)
    for name in ("configMapKeyRef", "secretKeyRef"):
        if source.HasField(name):
            reference = source.configMapKeyRef if name[0] == "c" else source.secretKeyRef
            if not reference.localObjectReference.name:
                problems.append(required(f"{field}.{name}.name"))
            if not reference.key:
                problems.append(required(f"{field}.{name}.key"))
                continue
            errors = config_key_errors(reference.key)
            problems += [invalid(f"{field}.{name}.key", reference.key, why) for why in errors]
    if not sources:
        problems.append(invalid(field, "", _ONE_OF))
    elif variable.value:
        problems.append(invalid(field, "", "may not be specified when `value` is not empty"))
    elif len(sources) > 1:
        problems.append(invalid(field, "", _ONLY_ONE))


def _judge_whole(
    source: EnvFromSource, field: str, index: int, problems: list[FieldProblem]
) -> None:
    if source.prefix:
        errors = variable_name_errors(source.prefix)
        problems += [invalid(f"{field}[{index}].prefix", source.prefix, why) for why in errors]
    count = 0
    for name in ("configMapRef", "secretRef"):
        if source.HasField(name):
            count += 1
            reference = source.configMapRef if name[0] == "c" else source.secretRef
            if not reference.localObjectReference.name:
                problems.append(required(f"{field}[{index}].{name}.name"))
    if not count:
        problems.append(invalid(field, "", "must specify one of: `configMapRef` or `secretRef`"))
    elif count > 1:
        problems.append(invalid(field, "", _ONLY_ONE))


def judge_field(
    reference: ObjectFieldSelector, field: str, known: frozenset[str], problems: list[FieldProblem]
) -> None:
    """Judge a reference to a field of the pod, of which ``known`` may be told here."""
    if not reference.apiVersion:
        problems.append(required(f"{field}.apiVersion"))
        return
    path = reference.fieldPath
    if path in known and reference.apiVersion == "v1":
        return  # nearly always
    if not path:
        problems.append(required(f"{field}.fieldPath"))
        return
    error = _unconverted(reference.apiVersion, path)
    if error:
        why = f"error converting fieldPath: {error}"
        problems.append(invalid(f"{field}.fieldPath", path, why))
        return
    subscripted = _SUBSCRIPT.fullmatch(path)
    if subscripted:
        key = subscripted[2]
        asked = key.lower() if subscripted[1] == "metadata.annotations" else key
        problems += [invalid(field, key, why) for why in key_errors(asked)]
    elif path not in known:
        problems.append(unsupported(f"{field}.fieldPath", path, sorted(known)))


def _unconverted(version: str, path: str) -> str:
    if version != "v1":
        return f"unsupported pod version: {version}"
    subscripted = _SUBSCRIPT.fullmatch(path)
    if subscripted:
        allowed = subscripted[1] in {"metadata.annotations", "metadata.labels"}
        return "" if allowed else f"field label does not support subscript: {path}"
    return "" if path in _KNOWN_FIELDS else f"field label not supported: {path}"


def judge_resource(
    reference: ResourceFieldSelector,
    field: str,
    problems: list[FieldProblem],
    *,
    in_volume: bool = False,
) -> None:
    """Judge a reference to what a container asks for; a volume must say of which one."""
    resource = reference.resource
    if in_volume and not reference.containerName:
        problems.append(required(f"{field}.containerName"))
    elif not resource:
        problems.append(required(f"{field}.resource"))
    elif resource not in RESOURCES and not resource.startswith(_HUGE_PAGES):
        problems.append(unsupported(f"{field}.resource", resource, RESOURCES))
    _judge_divisor(resource, reference.divisor.string, f"{field}.divisor", problems)


def _judge_divisor(resource: str, divisor: str, field: str, problems: list[FieldProblem]) -> None:
    if not divisor or not nano_value(divisor):
        return
    sort = resource.partition(".")[2]
    if sort == "cpu":
        if divisor not in _CPU_DIVISORS:
            why = "only divisor's values 1m and 1 are supported with the cpu resource"
            problems.append(invalid(field, resource, why))
        return
    known = resource in RESOURCES or resource.startswith(_HUGE_PAGES)
    if known and divisor not in _SIZE_DIVISORS:
        what = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}
        why = (
            f"only divisor's values {', '.join(_SIZE_DIVISORS)} are supported with the "
            f"{what.get(sort, 'hugepages')} resource"
        )
        problems.append(invalid(field, resource, why))
