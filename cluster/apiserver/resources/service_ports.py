"""What can be wrong with the ports of a service."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    duplicate,
    duplicate_shown,
    forbidden_field,
    invalid,
    required,
    unsupported,
)
from cluster.apiserver.resources.metadata import label_name_errors
from cluster.apiserver.resources.ports import (
    PROTOCOLS,
    port_number_errors,
    shown,
    target_errors,
)
from serialization.api.core.v1_pb2 import ServicePort, ServiceSpec
from serialization.labels import key_errors

KUBELET_PORT: Final = 10_250


def port_problems(spec: ServiceSpec) -> list[FieldProblem]:
    """Return what is wrong with each port, and with all of them together."""
    problems: list[FieldProblem] = []
    names: set[str] = set()
    ends: set[tuple[str, int]] = set()
    node_ends: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.ports):
        field = f"spec.ports[{index}]"
        if spec.type == "LoadBalancer" and port.port == KUBELET_PORT:
            why = f"may not expose port {KUBELET_PORT} externally since it is used by kubelet"
            problems.append(invalid(field, port.port, why))
        problems += _name_problems(port.name, f"{field}.name", names, needed=len(spec.ports) > 1)
        problems += _port_problems(port, field)
        if port.nodePort:
            if spec.type == "ClusterIP":
                why = "may not be used when `type` is 'ClusterIP'"
                problems.append(forbidden_field(f"{field}.nodePort", why))
            if (port.protocol, port.nodePort) in node_ends:
                problems.append(duplicate_shown(f"{field}.nodePort", str(port.nodePort)))
            node_ends.add((port.protocol, port.nodePort))
        if (port.protocol, port.port) in ends:
            told = (
                f'{{"Name":"","Protocol":"{port.protocol}","AppProtocol":null,'
                f'"Port":{port.port},"TargetPort":0,"NodePort":0}}'
            )
            problems.append(duplicate_shown(field, told))
        ends.add((port.protocol, port.port))
    return problems


def _name_problems(name: str, field: str, names: set[str], *, needed: bool) -> list[FieldProblem]:
    if not name:
        return [required(field)] if needed else []
    problems = [invalid(field, name, why) for why in label_name_errors(name)]
    if name in names:
        problems.append(duplicate(field, name))
    names.add(name)
    return problems


def _port_problems(port: ServicePort, field: str) -> list[FieldProblem]:
    problems = [invalid(f"{field}.port", port.port, why) for why in port_number_errors(port.port)]
    if port.protocol not in PROTOCOLS:
        problems.append(unsupported(f"{field}.protocol", port.protocol, PROTOCOLS))
    target = port.targetPort
    problems += [
        invalid(f"{field}.targetPort", shown(target), why) for why in target_errors(target)
    ]
    if port.HasField("appProtocol"):
        name = port.appProtocol
        problems += [invalid(f"{field}.appProtocol", name, why) for why in key_errors(name)]
    return problems
