"""What can be wrong with a container's probes and lifecycle hooks."""

from __future__ import annotations

import re
from typing import Final

from cluster.apiserver.errors import FieldProblem, invalid
from serialization.api.core.v1_pb2 import (
    Container,
    HTTPGetAction,
    Probe,
    SleepAction,
    TCPSocketAction,
)
from serialization.api.intstr_pb2 import IntOrString

PORT_MAX: Final = 65_535
STRING: Final = 1
"""IntOrString's type of a name; 0 is a number."""
_PORT_NAME_MAX: Final = 15
_has_letter: Final = re.compile("[a-z]").search
_is_port_name: Final = re.compile("[-a-z0-9]+").fullmatch


def judge_actions(
    container: Container, field: str, grace_s: int, problems: list[FieldProblem]
) -> None:
    """Judge a container's probes and hooks (hot path: most have none)."""
    if container.HasField("livenessProbe"):
        _judge_probe(container.livenessProbe, f"{field}.livenessProbe", problems)
    if container.HasField("readinessProbe"):
        _judge_probe(container.readinessProbe, f"{field}.readinessProbe", problems)
    if container.HasField("startupProbe"):
        _judge_probe(container.startupProbe, f"{field}.startupProbe", problems)
    if not container.HasField("lifecycle"):
        return
    lifecycle = container.lifecycle
    for name, hook in (("postStart", lifecycle.postStart), ("preStop", lifecycle.preStop)):
        at = f"{field}.lifecycle.{name}"
        if hook.HasField("httpGet"):
            _judge_port(hook.httpGet, f"{at}.httpGet", problems)
        if hook.HasField("tcpSocket"):
            _judge_port(hook.tcpSocket, f"{at}.tcpSocket", problems)
        if hook.HasField("sleep"):
            _judge_sleep(hook.sleep, f"{at}.sleep", grace_s, problems)


def _judge_probe(probe: Probe, field: str, problems: list[FieldProblem]) -> None:
    if probe.handler.HasField("httpGet"):
        _judge_port(probe.handler.httpGet, f"{field}.httpGet", problems)
    if probe.handler.HasField("tcpSocket"):
        _judge_port(probe.handler.tcpSocket, f"{field}.tcpSocket", problems)


def _judge_port(
    action: HTTPGetAction | TCPSocketAction, field: str, problems: list[FieldProblem]
) -> None:
    port = action.port
    shown = port.strVal if port.type == STRING else port.intVal
    problems += [invalid(f"{field}.port", shown, why) for why in _port_errors(port)]


def _port_errors(port: IntOrString) -> list[str]:
    if port.type != STRING:
        within = 0 < port.intVal <= PORT_MAX
        return [] if within else [f"must be between 1 and {PORT_MAX}, inclusive"]
    name = port.strVal
    errors = []
    if len(name) > _PORT_NAME_MAX:
        errors.append(f"must be no more than {_PORT_NAME_MAX} characters")
    if not _is_port_name(name):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _has_letter(name):
        errors.append("must contain at least one letter (a-z)")
    return errors


def _judge_sleep(
    sleep: SleepAction, field: str, grace_s: int, problems: list[FieldProblem]
) -> None:
    if not 0 <= sleep.seconds <= grace_s:
        why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_s})"
        problems.append(invalid(field, sleep.seconds, why))
