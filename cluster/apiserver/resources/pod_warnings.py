"""What a client is warned of, though it may be done, when it writes a pod's spec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from serialization.api.core.v1_pb2 import Container, PodSpec
from serialization.api.resource_pb2 import Quantity
from serialization.quantity import nano_value

INSTEAD: Final = {
    "beta.kubernetes.io/arch": ("v1.14", "kubernetes.io/arch"),
    "beta.kubernetes.io/instance-type": ("v1.17", "node.kubernetes.io/instance-type"),
    "beta.kubernetes.io/os": ("v1.14", "kubernetes.io/os"),
    "failure-domain.beta.kubernetes.io/region": ("v1.17", "topology.kubernetes.io/region"),
    "failure-domain.beta.kubernetes.io/zone": ("v1.17", "topology.kubernetes.io/zone"),
}
"""Labels of nodes that have new names, and since when."""
IN_BYTES: Final = ("ephemeral-storage", "memory")
NANO: Final = 10**9


def pod_warnings(spec: PodSpec, field: str) -> tuple[str, ...]:
    """Return the warnings that a spec that stands at ``field`` deserves."""
    return tuple(_warnings(spec, field))


def _warnings(spec: PodSpec, field: str) -> Iterator[str]:
    for key in sorted(spec.nodeSelector):
        if key in INSTEAD:
            since, use = INSTEAD[key]
            yield f'{field}.nodeSelector[{key}]: deprecated since {since}; use "{use}" instead'
    yield from _of_containers(spec.initContainers, f"{field}.initContainers")
    yield from _of_containers(spec.containers, f"{field}.containers")


def _of_containers(containers: Iterable[Container], field: str) -> Iterator[str]:
    for index, container in enumerate(containers):
        at = f"{field}[{index}]"
        if len(container.env) > 1:
            yield from _hidden_variables(container, f"{at}.env")
        if len(container.ports) > 1:
            yield from _repeated_ports(container, f"{at}.ports")
        if container.HasField("resources"):
            yield from _fractions(container.resources.limits, f"{at}.resources.limits")
            yield from _fractions(container.resources.requests, f"{at}.resources.requests")


def _hidden_variables(container: Container, field: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, variable in enumerate(container.env):
        if variable.name in seen:
            yield (
                f'{field}[{index}]: hides previous definition of "{variable.name}", which may be '
                "dropped when using apply"
            )
        seen.add(variable.name)


def _repeated_ports(container: Container, field: str) -> Iterator[str]:
    seen: dict[tuple[int, str, str, int], int] = {}
    for index, port in enumerate(container.ports):
        what = (port.containerPort, port.protocol, port.hostIP, port.hostPort)
        first = seen.setdefault(what, index)
        if first != index:
            yield f"{field}[{index}]: duplicate port definition with {field}[{first}]"


def _fractions(amounts: Mapping[str, Quantity], field: str) -> Iterator[str]:
    for name in IN_BYTES:
        if name in amounts and nano_value(amounts[name].string) % NANO:
            yield (
                f'{field}[{name}]: fractional byte value "{amounts[name].string}" is invalid, '
                "must be an integer"
            )
