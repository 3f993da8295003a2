"""What can be wrong with security contexts, of containers and of whole pods."""

from __future__ import annotations

import json
import re
from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    duplicate,
    invalid,
    invalid_shown,
    required,
    unsupported,
)
from cluster.apiserver.resources.value_rules import id_errors
from serialization.api.core.v1_pb2 import (
    Container,
    PodSecurityContext,
    PodSpec,
    SeccompProfile,
    SecurityContext,
)
from serialization.plain import plain

GROUP_CHANGES: Final = ("Always", "OnRootMismatch")
SECCOMP_TYPES: Final = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL: Final = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_is_sysctl: Final = re.compile(_SYSCTL).fullmatch
_SYSCTL_MAX: Final = 253


def judge_container_security(
    container: Container, field: str, problems: list[FieldProblem]
) -> None:
    """Judge what a container may do."""
    if not container.HasField("securityContext"):
        return
    context = container.securityContext
    at = f"{field}.securityContext"
    _judge_ids(context, at, problems)
    if context.HasField("seccompProfile"):
        _judge_seccomp(context.seccompProfile, f"{at}.seccompProfile", problems)
    if context.HasField("allowPrivilegeEscalation") and not context.allowPrivilegeEscalation:
        shown = json.dumps(plain(context), separators=(",", ":"))
        if context.privileged:
            why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            problems.append(invalid_shown(at, shown, why))
        if "CAP_SYS_ADMIN" in context.capabilities.add:
            why = (
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` "
                "CAP_SYS_ADMIN"
            )
            problems.append(invalid_shown(at, shown, why))


def _judge_ids(
    context: SecurityContext | PodSecurityContext, field: str, problems: list[FieldProblem]
) -> None:
    for name, number in (("runAsUser", context.runAsUser), ("runAsGroup", context.runAsGroup)):
        problems += [invalid(f"{field}.{name}", number, why) for why in id_errors(number)]


def _judge_seccomp(profile: SeccompProfile, field: str, problems: list[FieldProblem]) -> None:
    sort = profile.type
    if not sort:
        problems.append(required(f"{field}.type", "type is required when seccompProfile is set"))
    elif sort not in SECCOMP_TYPES:
        problems.append(unsupported(f"{field}.type", sort, SECCOMP_TYPES))
    if sort == "Localhost":
        if not profile.localhostProfile:
            why = "must be set when seccomp type is Localhost"
            problems.append(required(f"{field}.localhostProfile", why))
    elif profile.HasField("localhostProfile"):
        why = "can only be set when seccomp type is Localhost"
        problems.append(invalid(f"{field}.localhostProfile", profile.localhostProfile, why))


def judge_pod_security(spec: PodSpec, field: str, problems: list[FieldProblem]) -> None:
    """Judge what a pod may share with its host, and whom its processes run as."""
    if spec.hostNetwork:
        _judge_host_network(spec, field, problems)
    if spec.shareProcessNamespace and spec.hostPID:
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        at = f"{field}.securityContext.shareProcessNamespace"
        problems.append(invalid_shown(at, "true", why))
    context = spec.securityContext
    if not context.ListFields():
        return
    at = f"{field}.securityContext"
    errors = id_errors(context.fsGroup)
    problems += [invalid(f"{at}.fsGroup", context.fsGroup, why) for why in errors]
    _judge_ids(context, at, problems)
    for index, number in enumerate(context.supplementalGroups):
        in_list = f"{at}.supplementalGroups[{index}]"
        problems += [invalid(in_list, number, why) for why in id_errors(number)]
    if context.sysctls:
        _judge_sysctls(context, f"{at}.sysctls", problems)
    change = context.fsGroupChangePolicy
    if change and change not in GROUP_CHANGES:
        problems.append(unsupported(f"{at}.fsGroupChangePolicy", change, GROUP_CHANGES))
    if context.HasField("seccompProfile"):
        _judge_seccomp(context.seccompProfile, f"{at}.seccompProfile", problems)


def _judge_sysctls(context: PodSecurityContext, field: str, problems: list[FieldProblem]) -> None:
    seen: set[str] = set()
    for index, sysctl in enumerate(context.sysctls):
        at, name = f"{field}[{index}].name", sysctl.name
        if not name:
            problems.append(required(at))
        elif len(name) > _SYSCTL_MAX or not _is_sysctl(name):
            why = f"must have at most {_SYSCTL_MAX} characters and match regex ^{_SYSCTL}$"
            problems.append(invalid(at, name, why))
        elif name in seen:
            problems.append(duplicate(at, name))
        seen.add(name)


def _judge_host_network(spec: PodSpec, field: str, problems: list[FieldProblem]) -> None:
    for kind, containers in (
        ("containers", spec.containers),
        ("initContainers", spec.initContainers),
    ):
        for index, container in enumerate(containers):
            for place, port in enumerate(container.ports):
                if port.hostPort != port.containerPort:
                    at = f"{field}.{kind}[{index}].ports[{place}].containerPort"
                    why = "must match `hostPort` when `hostNetwork` is true"
                    problems.append(invalid(at, port.containerPort, why))
