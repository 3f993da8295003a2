"""What can be wrong with a pod's spec; thin beside Kubernetes', but each rule is genuine.

Hot path: a pod without faults must get through quickly, so sets and lists are made on demand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cluster.apiserver.errors import FieldProblem, duplicate, invalid, required, unsupported
from cluster.apiserver.resources.action_validation import judge_actions
from cluster.apiserver.resources.metadata import label_name_errors, label_problems
from serialization.api.core.v1_pb2 import Container, PodSpec, ResourceRequirements, Volume
from serialization.api.resource_pb2 import Quantity
from serialization.labels import subdomain_errors
from serialization.quantity import nano_value

RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
PORT_MAX: Final = 65_535
_PORT_RANGE: Final = f"must be between 1 and {PORT_MAX}, inclusive"


def pod_spec_problems(spec: PodSpec, field: str) -> list[FieldProblem]:
    """Return what is wrong with a pod spec that stands at ``field``."""
    problems: list[FieldProblem] = []
    volumes = _volume_names(spec.volumes, f"{field}.volumes", problems)
    _judge_containers(spec, field, volumes, problems)
    grace_s = spec.terminationGracePeriodSeconds
    if spec.restartPolicy not in RESTART_POLICIES:
        problems.append(unsupported(f"{field}.restartPolicy", spec.restartPolicy, RESTART_POLICIES))
    _judge_images(spec, field, problems)
    if spec.dnsPolicy not in DNS_POLICIES:
        problems.append(unsupported(f"{field}.dnsPolicy", spec.dnsPolicy, DNS_POLICIES))
    if grace_s < 0:
        problems.append(_negative(f"{field}.terminationGracePeriodSeconds", grace_s))
    if spec.HasField("activeDeadlineSeconds") and spec.activeDeadlineSeconds < 1:
        problems.append(
            invalid(
                f"{field}.activeDeadlineSeconds",
                spec.activeDeadlineSeconds,
                "must be between 1 and 2147483647, inclusive",
            )
        )
    if spec.nodeSelector:
        problems += label_problems(spec.nodeSelector, f"{field}.nodeSelector")
    if spec.nodeName:
        errors = subdomain_errors(spec.nodeName)
        problems += [invalid(f"{field}.nodeName", spec.nodeName, why) for why in errors]
    return problems


def _judge_containers(
    spec: PodSpec, field: str, volumes: set[str], problems: list[FieldProblem]
) -> None:
    if not spec.containers:
        problems.append(required(f"{field}.containers"))
    seen: set[str] = set()
    grace_s = spec.terminationGracePeriodSeconds
    for kind, containers in (
        ("containers", spec.containers),
        ("initContainers", spec.initContainers),
    ):
        for index, container in enumerate(containers):
            at = f"{field}.{kind}[{index}]"
            _judge_container(container, at, seen, volumes, problems, grace_s=grace_s)


def _judge_images(spec: PodSpec, field: str, problems: list[FieldProblem]) -> None:
    for index, container in enumerate(spec.containers):
        if container.image != container.image.strip():
            why = "must not have leading or trailing whitespace"
            at = f"{field}.containers[{index}].image"
            problems.append(invalid(at, container.image, why))


def _volume_names(volumes: Iterable[Volume], field: str, problems: list[FieldProblem]) -> set[str]:
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        at = f"{field}[{index}].name"
        _judge_name(volume.name, at, problems)
        _judge_unique(volume.name, at, names, problems)
    return names


def _judge_name(name: str, field: str, problems: list[FieldProblem]) -> None:
    if not name:
        problems.append(required(field))
    else:
        problems += [invalid(field, name, why) for why in label_name_errors(name)]


def _judge_unique(name: str, field: str, seen: set[str], problems: list[FieldProblem]) -> None:
    """Judge that a name stands once in its list; ``seen`` are those before."""
    if name in seen:
        problems.append(duplicate(field, name))
    seen.add(name)


def _judge_container(
    container: Container,
    field: str,
    seen: set[str],
    volumes: set[str],
    problems: list[FieldProblem],
    *,
    grace_s: int,
) -> None:
    _judge_name(container.name, f"{field}.name", problems)
    if not container.image:
        problems.append(required(f"{field}.image"))
    if container.imagePullPolicy not in PULL_POLICIES:
        problems.append(
            unsupported(f"{field}.imagePullPolicy", container.imagePullPolicy, PULL_POLICIES)
        )
    if container.ports:
        _judge_ports(container, f"{field}.ports", problems)
    for index, variable in enumerate(container.env):
        if not variable.name:
            problems.append(required(f"{field}.env[{index}].name"))
    for index, mount in enumerate(container.volumeMounts):
        _judge_mount(
            mount.name, mount.mountPath, f"{field}.volumeMounts[{index}]", volumes, problems
        )
    resources = container.resources
    if resources.requests or resources.limits:
        _judge_resources(resources, f"{field}.resources", problems)
    judge_actions(container, field, grace_s, problems)
    _judge_unique(container.name, f"{field}.name", seen, problems)


def _judge_ports(container: Container, field: str, problems: list[FieldProblem]) -> None:
    names: set[str] = set()
    for index, port in enumerate(container.ports):
        at = f"{field}[{index}]"
        if not port.containerPort:
            problems.append(required(f"{at}.containerPort"))
        elif not 0 < port.containerPort <= PORT_MAX:
            problems.append(invalid(f"{at}.containerPort", port.containerPort, _PORT_RANGE))
        if port.hostPort and not 0 < port.hostPort <= PORT_MAX:
            problems.append(invalid(f"{at}.hostPort", port.hostPort, _PORT_RANGE))
        if port.protocol not in PROTOCOLS:
            problems.append(unsupported(f"{at}.protocol", port.protocol, PROTOCOLS))
        if port.name and port.name in names:
            problems.append(duplicate(f"{at}.name", port.name))
        names.add(port.name)


def _judge_mount(
    name: str, path: str, field: str, volumes: set[str], problems: list[FieldProblem]
) -> None:
    if not name:
        problems.append(required(f"{field}.name"))
    elif name not in volumes:
        problems.append(FieldProblem(f"{field}.name", "FieldValueNotFound", f'Not found: "{name}"'))
    if not path:
        problems.append(required(f"{field}.mountPath"))


def _judge_resources(
    resources: ResourceRequirements, field: str, problems: list[FieldProblem]
) -> None:
    limits, requests = resources.limits, resources.requests
    _judge_quantities(limits, f"{field}.limits", problems)
    _judge_quantities(requests, f"{field}.requests", problems)
    for name in sorted(requests):
        if name not in limits:
            continue
        request, limit = requests[name].string, limits[name].string
        if request != limit and nano_value(request) > nano_value(limit):
            problems.append(
                invalid(
                    f"{field}.requests",
                    request,
                    f"must be less than or equal to {name} limit of {limit}",
                )
            )


def _judge_quantities(
    amounts: Mapping[str, Quantity], field: str, problems: list[FieldProblem]
) -> None:
    for name in sorted(amounts):
        text = amounts[name].string
        if text[:1] == "-" and nano_value(text) < 0:
            problems.append(invalid(f"{field}[{name}]", text, "must be greater than or equal to 0"))


def _negative(field: str, value: int) -> FieldProblem:
    return invalid(field, value, "must be greater than or equal to 0")
