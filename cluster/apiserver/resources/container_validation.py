"""What can be wrong with the containers of a pod, each and together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    duplicate,
    forbidden_field,
    invalid,
    required,
    unsupported,
)
from cluster.apiserver.resources.action_validation import judge_actions, judge_no_actions
from cluster.apiserver.resources.amount_validation import judge_amounts
from cluster.apiserver.resources.env_validation import judge_env
from cluster.apiserver.resources.metadata import label_name_errors
from cluster.apiserver.resources.mount_validation import judge_devices, judge_mounts
from cluster.apiserver.resources.ports import PROTOCOLS, port_name_errors, port_number_errors
from cluster.apiserver.resources.security_validation import judge_container_security
from serialization.api.core.v1_pb2 import Container, PodSpec, Volume

PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
MESSAGE_POLICIES: Final = ("FallbackToLogsOnError", "File")
RESIZED: Final = ("cpu", "memory")
RESIZE_POLICIES: Final = ("NotRequired", "RestartContainer")


def judge_containers(
    spec: PodSpec, field: str, volumes: Mapping[str, Volume], problems: list[FieldProblem]
) -> None:
    """Judge a pod's containers, and its init containers after them."""
    at = f"{field}.containers"
    names: set[str] = set()
    if not spec.containers:
        problems.append(required(at))
    for index, container in enumerate(spec.containers):
        one = f"{at}[{index}]"
        _judge_container(container, one, volumes, problems)
        _judge_unique(container.name, f"{one}.name", names, problems)
        judge_actions(container, one, spec.terminationGracePeriodSeconds, problems)
        if container.HasField("restartPolicy"):
            why = "may not be set for non-init containers"
            problems.append(forbidden_field(f"{one}.restartPolicy", why))
    _judge_host_ports(spec.containers, at, problems)
    for index, container in enumerate(spec.initContainers):
        one = f"{field}.initContainers[{index}]"
        _judge_container(container, one, volumes, problems)
        _judge_init(container, one, spec.terminationGracePeriodSeconds, names, problems)


def _judge_init(
    container: Container,
    field: str,
    grace_s: int,
    names: set[str],
    problems: list[FieldProblem],
) -> None:
    stays = container.restartPolicy == "Always"
    if container.HasField("restartPolicy") and not stays:
        at = f"{field}.restartPolicy"
        problems.append(unsupported(at, container.restartPolicy, ("Always",)))
    _judge_unique(container.name, f"{field}.name", names, problems)
    _judge_host_ports((container,), field.rpartition("[")[0], problems)
    if stays:
        judge_actions(container, field, grace_s, problems)
    else:
        judge_no_actions(container, field, problems)


def _judge_unique(name: str, field: str, names: set[str], problems: list[FieldProblem]) -> None:
    if name and name in names:
        problems.append(duplicate(field, name))
    names.add(name)


def _judge_container(
    container: Container,
    field: str,
    volumes: Mapping[str, Volume],
    problems: list[FieldProblem],
) -> None:
    """Judge what holds for containers of every sort."""
    name = container.name
    if not name:
        problems.append(required(f"{field}.name"))
    else:
        problems += [invalid(f"{field}.name", name, why) for why in label_name_errors(name)]
    if not container.image:
        problems.append(required(f"{field}.image"))
    if container.terminationMessagePolicy not in MESSAGE_POLICIES:
        at = f"{field}.terminationMessagePolicy"
        problems.append(unsupported(at, container.terminationMessagePolicy, MESSAGE_POLICIES))
    _judge_ports(container, f"{field}.ports", problems)
    judge_env(container, field, problems)
    judge_mounts(container, field, volumes, problems)
    judge_devices(container, field, volumes, problems)
    if container.imagePullPolicy not in PULL_POLICIES:
        at = f"{field}.imagePullPolicy"
        problems.append(unsupported(at, container.imagePullPolicy, PULL_POLICIES))
    resources = container.resources
    if resources.requests or resources.limits:
        judge_amounts(resources, f"{field}.resources", problems)
    if container.resizePolicy:
        _judge_resize(container, f"{field}.resizePolicy", problems)
    judge_container_security(container, field, problems)


def _judge_ports(container: Container, field: str, problems: list[FieldProblem]) -> None:
    names: set[str] = set()
    for index, port in enumerate(container.ports):
        at = f"{field}[{index}]"
        if port.name:
            errors = port_name_errors(port.name)
            problems += [invalid(f"{at}.name", port.name, why) for why in errors]
            if not errors and port.name in names:
                problems.append(duplicate(f"{at}.name", port.name))
            names.add(port.name)
        number, host = port.containerPort, port.hostPort
        if not number:
            problems.append(required(f"{at}.containerPort"))
        else:
            errors = port_number_errors(number)
            problems += [invalid(f"{at}.containerPort", number, why) for why in errors]
        if host:
            errors = port_number_errors(host)
            problems += [invalid(f"{at}.hostPort", host, why) for why in errors]
        if port.protocol not in PROTOCOLS:
            problems.append(unsupported(f"{at}.protocol", port.protocol, PROTOCOLS))


def _judge_host_ports(
    containers: Iterable[Container], field: str, problems: list[FieldProblem]
) -> None:
    """Judge that no port of the host is asked for twice."""
    taken: set[str] = set()
    for index, container in enumerate(containers):
        for place, port in enumerate(container.ports):
            if not port.hostPort:
                continue
            wanted = f"{port.protocol}/{port.hostIP}/{port.hostPort}"
            if wanted in taken:
                at = f"{field}[{index}].ports[{place}].hostPort"
                problems.append(duplicate(at, wanted))
            taken.add(wanted)


def _judge_resize(container: Container, field: str, problems: list[FieldProblem]) -> None:
    seen: set[str] = set()
    for index, policy in enumerate(container.resizePolicy):
        at, name = f"{field}[{index}]", policy.resourceName
        if name in seen:
            problems.append(duplicate(at, name))
        seen.add(name)
        if name not in RESIZED:
            problems.append(unsupported(f"{at}.resourceName", name, RESIZED))
        if policy.restartPolicy not in RESIZE_POLICIES:
            at = f"{at}.restartPolicy"
            problems.append(unsupported(at, policy.restartPolicy, RESIZE_POLICIES))
