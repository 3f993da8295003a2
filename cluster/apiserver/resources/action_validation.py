"""What can be wrong with a container's probes and lifecycle hooks."""

from __future__ import annotations

from cluster.apiserver.errors import FieldProblem, invalid
from cluster.apiserver.resources.ports import shown, target_errors
from serialization.api.core.v1_pb2 import (
    Container,
    HTTPGetAction,
    Probe,
    SleepAction,
    TCPSocketAction,
)


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
    problems += [invalid(f"{field}.port", shown(port), why) for why in target_errors(port)]


def _judge_sleep(
    sleep: SleepAction, field: str, grace_s: int, problems: list[FieldProblem]
) -> None:
    if not 0 <= sleep.seconds <= grace_s:
        why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_s})"
        problems.append(invalid(field, sleep.seconds, why))
