"""What can be wrong with a container's probes and lifecycle hooks."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    forbidden_field,
    invalid,
    required,
    unsupported,
)
from cluster.apiserver.resources.ports import port_number_errors, shown, target_errors
from cluster.apiserver.resources.value_rules import NOT_NEGATIVE, header_name_errors
from serialization.api.core.v1_pb2 import (
    Container,
    HTTPGetAction,
    LifecycleHandler,
    Probe,
    ProbeHandler,
)
from serialization.api.intstr_pb2 import IntOrString

SCHEMES: Final = ("HTTP", "HTTPS")
PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_ONE_HANDLER: Final = "may not specify more than 1 handler type"


def judge_actions(
    container: Container, field: str, grace_s: int, problems: list[FieldProblem]
) -> None:
    """Judge a container's hooks and probes."""
    if container.HasField("lifecycle"):
        lifecycle = container.lifecycle
        for name in ("postStart", "preStop"):
            if lifecycle.HasField(name):
                handler: LifecycleHandler = getattr(lifecycle, name)
                _judge_handler(handler, f"{field}.lifecycle.{name}", problems, grace_s=grace_s)
    if container.HasField("livenessProbe"):
        _judge_probe(container.livenessProbe, f"{field}.livenessProbe", problems)
        _judge_one_success(container.livenessProbe, f"{field}.livenessProbe", problems)
    if container.HasField("readinessProbe"):
        probe = container.readinessProbe
        _judge_probe(probe, f"{field}.readinessProbe", problems)
        if probe.HasField("terminationGracePeriodSeconds"):
            at = f"{field}.readinessProbe.terminationGracePeriodSeconds"
            why = "must not be set for readinessProbes"
            problems.append(invalid(at, probe.terminationGracePeriodSeconds, why))
    if container.HasField("startupProbe"):
        _judge_probe(container.startupProbe, f"{field}.startupProbe", problems)
        _judge_one_success(container.startupProbe, f"{field}.startupProbe", problems)


def judge_no_actions(container: Container, field: str, problems: list[FieldProblem]) -> None:
    """Refuse hooks and probes of an init container that ends before the others begin."""
    why = "may not be set for init containers without restartPolicy=Always"
    problems += [
        forbidden_field(f"{field}.{name}", why)
        for name in ("lifecycle", *PROBES)
        if container.HasField(name)
    ]


def _judge_probe(probe: Probe, field: str, problems: list[FieldProblem]) -> None:
    _judge_handler(probe.handler, field, problems)
    for name, seconds in (
        ("initialDelaySeconds", probe.initialDelaySeconds),
        ("timeoutSeconds", probe.timeoutSeconds),
        ("periodSeconds", probe.periodSeconds),
        ("successThreshold", probe.successThreshold),
        ("failureThreshold", probe.failureThreshold),
    ):
        if seconds < 0:
            problems.append(invalid(f"{field}.{name}", seconds, NOT_NEGATIVE))
    if probe.HasField("terminationGracePeriodSeconds"):
        grace_s = probe.terminationGracePeriodSeconds
        if grace_s <= 0:
            at = f"{field}.terminationGracePeriodSeconds"
            problems.append(invalid(at, grace_s, "must be greater than 0"))


def _judge_one_success(probe: Probe, field: str, problems: list[FieldProblem]) -> None:
    if probe.successThreshold != 1:
        problems.append(invalid(f"{field}.successThreshold", probe.successThreshold, "must be 1"))


def _judge_handler(
    handler: ProbeHandler | LifecycleHandler,
    field: str,
    problems: list[FieldProblem],
    *,
    grace_s: int = 0,
) -> None:
    """Judge that there is exactly one action, and that one."""
    seen = False
    for descriptor, _action in handler.ListFields():
        name = descriptor.name
        if seen:
            problems.append(forbidden_field(f"{field}.{name}", _ONE_HANDLER))
            continue
        seen = True
        _judge_action(handler, name, f"{field}.{name}", problems, grace_s=grace_s)
    if not seen:
        problems.append(required(field, "must specify a handler type"))


def _judge_action(
    handler: ProbeHandler | LifecycleHandler,
    name: str,
    field: str,
    problems: list[FieldProblem],
    *,
    grace_s: int,
) -> None:
    if name == "exec":
        if not handler.exec.command:
            problems.append(required(f"{field}.command"))
    elif name == "httpGet":
        _judge_http_get(handler.httpGet, field, problems)
    elif name == "tcpSocket":
        _judge_port(handler.tcpSocket.port, f"{field}.port", problems)
    elif isinstance(handler, ProbeHandler):
        port = handler.grpc.port
        problems += [invalid(f"{field}.port", port, why) for why in port_number_errors(port)]
    elif not 0 <= handler.sleep.seconds <= grace_s:
        why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_s})"
        problems.append(invalid(field, handler.sleep.seconds, why))


def _judge_http_get(action: HTTPGetAction, field: str, problems: list[FieldProblem]) -> None:
    if not action.path:
        problems.append(required(f"{field}.path"))
    _judge_port(action.port, f"{field}.port", problems)
    if action.scheme not in SCHEMES:
        problems.append(unsupported(f"{field}.scheme", action.scheme, SCHEMES))
    for header in action.httpHeaders:
        errors = header_name_errors(header.name)
        problems += [invalid(f"{field}.httpHeaders", header.name, why) for why in errors]


def _judge_port(port: IntOrString, field: str, problems: list[FieldProblem]) -> None:
    problems += [invalid(field, shown(port), why) for why in target_errors(port)]
