"""What can be wrong with a pod's spec, in pods and in templates; parts are judged by subject.

The problems stand in the order in which Kubernetes finds them. Nothing here is on the path of most
creates: ``pod_verdicts`` remembers the specs that were found sound.
"""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    duplicate,
    forbidden_field,
    invalid,
    unsupported,
)
from cluster.apiserver.resources.affinity_validation import judge_affinity
from cluster.apiserver.resources.container_validation import judge_containers
from cluster.apiserver.resources.dns_validation import (
    judge_dns,
    judge_dns_policy,
    judge_host_aliases,
    judge_names,
)
from cluster.apiserver.resources.metadata import label_problems
from cluster.apiserver.resources.security_validation import judge_pod_security
from cluster.apiserver.resources.spread_validation import spread_problems, toleration_problems
from cluster.apiserver.resources.value_rules import ID_MAX
from cluster.apiserver.resources.volume_validation import judge_volumes
from serialization.api.core.v1_pb2 import PodSpec
from serialization.labels import key_errors, subdomain_errors

RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
PREEMPTION_POLICIES: Final = ("Never", "PreemptLowerPriority")
SYSTEMS: Final = ("linux", "windows")


def pod_spec_problems(spec: PodSpec, field: str) -> list[FieldProblem]:
    """Return what is wrong with a pod spec that stands at ``field``, defaults filled in."""
    problems: list[FieldProblem] = []
    volumes = judge_volumes(spec.volumes, f"{field}.volumes", problems)
    judge_containers(spec, field, volumes, problems)
    if spec.restartPolicy not in RESTART_POLICIES:
        problems.append(unsupported(f"{field}.restartPolicy", spec.restartPolicy, RESTART_POLICIES))
    judge_dns_policy(spec, field, problems)
    if spec.nodeSelector:
        problems += label_problems(spec.nodeSelector, f"{field}.nodeSelector")
    judge_pod_security(spec, field, problems)
    if spec.HasField("affinity"):
        judge_affinity(spec.affinity, f"{field}.affinity", problems)
    judge_dns(spec, field, problems)
    _judge_gates(spec, field, problems)
    if spec.topologySpreadConstraints:
        at = f"{field}.topologySpreadConstraints"
        problems += spread_problems(spec.topologySpreadConstraints, at)
    _judge_references(spec, field, problems)
    _judge_deadline(spec, field, problems)
    judge_names(spec, field, problems)
    if spec.tolerations:
        problems += toleration_problems(spec.tolerations, f"{field}.tolerations")
    judge_host_aliases(spec, field, problems)
    _judge_rest(spec, field, problems)
    return problems


def pod_only_problems(spec: PodSpec) -> list[FieldProblem]:
    """Return what is wrong with a pod's own spec that would do in a template."""
    problems = []
    if not spec.serviceAccountName:
        for index, volume in enumerate(spec.volumes):
            for place, source in enumerate(volume.volumeSource.projected.sources):
                if source.HasField("serviceAccountToken"):
                    at = f"spec.volumes[{index}].projected.sources[{place}].serviceAccountToken"
                    why = "must not be specified when serviceAccountName is not set"
                    problems.append(forbidden_field(at, why))
    for kind, containers in (
        ("containers", spec.containers),
        ("initContainers", spec.initContainers),
    ):
        for index, container in enumerate(containers):
            if container.image != container.image.strip():
                why = "must not have leading or trailing whitespace"
                at = f"spec.{kind}[{index}].image"
                problems.append(invalid(at, container.image, why))
    return problems


def _judge_gates(spec: PodSpec, field: str, problems: list[FieldProblem]) -> None:
    for index, gate in enumerate(spec.readinessGates):
        at = f"{field}.readinessGates[{index}].conditionType"
        errors = key_errors(gate.conditionType)
        problems += [invalid(at, gate.conditionType, why) for why in errors]
    seen: set[str] = set()
    for index, waiting in enumerate(spec.schedulingGates):
        at, name = f"{field}.schedulingGates[{index}]", waiting.name
        problems += [invalid(at, name, why) for why in key_errors(name)]
        if name in seen:
            problems.append(duplicate(at, name))
        seen.add(name)


def _judge_references(spec: PodSpec, field: str, problems: list[FieldProblem]) -> None:
    for name, value in (
        ("serviceAccountName", spec.serviceAccountName),
        ("nodeName", spec.nodeName),
    ):
        if value:
            errors = subdomain_errors(value)
            problems += [invalid(f"{field}.{name}", value, why) for why in errors]


def _judge_deadline(spec: PodSpec, field: str, problems: list[FieldProblem]) -> None:
    if spec.HasField("activeDeadlineSeconds"):
        deadline_s = spec.activeDeadlineSeconds
        if not 1 <= deadline_s <= ID_MAX:
            why = f"must be between 1 and {ID_MAX}, inclusive"
            problems.append(invalid(f"{field}.activeDeadlineSeconds", deadline_s, why))


def _judge_rest(spec: PodSpec, field: str, problems: list[FieldProblem]) -> None:
    for name, value in (
        ("priorityClassName", spec.priorityClassName),
        ("runtimeClassName", spec.runtimeClassName),
    ):
        if value:
            errors = subdomain_errors(value)
            problems += [invalid(f"{field}.{name}", value, why) for why in errors]
    policy = spec.preemptionPolicy
    if policy and policy not in PREEMPTION_POLICIES:
        problems.append(unsupported(f"{field}.preemptionPolicy", policy, PREEMPTION_POLICIES))
    if spec.HasField("os") and spec.os.name not in SYSTEMS:
        problems.append(unsupported(f"{field}.os.name", spec.os.name, SYSTEMS))
