"""What Kubernetes fills into a pod's spec, in pods and in pod templates alike.

Hot path: every create of a pod runs through here, so each message is fetched once and each field
is looked at once. Empty strings count as absent, since clients in Go send them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cluster.apiserver.resources.image import pull_policy
from cluster.apiserver.resources.volume_defaults import default_volume
from serialization.api.core.v1_pb2 import (
    Container,
    HTTPGetAction,
    LifecycleHandler,
    PodSpec,
    Probe,
)
from serialization.api.resource_pb2 import Quantity
from serialization.quantity import from_milli, milli_value, nano_value

NANOS_PER_MILLI: Final = 1_000_000
_FINE_SUFFIXES: Final = frozenset("nu")


def default_pod_spec(spec: PodSpec) -> None:
    """Fill in a pod spec, as Kubernetes does when it decodes one."""
    if not spec.restartPolicy:
        spec.restartPolicy = "Always"
    if not spec.HasField("terminationGracePeriodSeconds"):
        spec.terminationGracePeriodSeconds = 30
    if not spec.dnsPolicy:
        spec.dnsPolicy = "ClusterFirst"
    if not spec.HasField("securityContext"):
        spec.securityContext.SetInParent()
    if not spec.schedulerName:
        spec.schedulerName = "default-scheduler"
    if spec.serviceAccountName or spec.serviceAccount:
        name = spec.serviceAccountName or spec.serviceAccount
        spec.serviceAccountName = name
        spec.serviceAccount = name
    host_network = spec.hostNetwork
    for container in spec.containers:
        default_container(container, host_network=host_network)
    for container in spec.initContainers:
        default_container(container, host_network=host_network)
    for volume in spec.volumes:
        default_volume(volume)


def default_container(container: Container, *, host_network: bool) -> None:
    """Fill in one container."""
    if not container.terminationMessagePath:
        container.terminationMessagePath = "/dev/termination-log"
    if not container.terminationMessagePolicy:
        container.terminationMessagePolicy = "File"
    if not container.imagePullPolicy:
        container.imagePullPolicy = pull_policy(container.image)
    if container.ports:
        _default_ports(container, host_network=host_network)
    if container.env:
        _default_env(container)
    if container.HasField("resources"):
        _default_requests(container)
    else:
        container.resources.SetInParent()
    _default_actions(container)


def _default_ports(container: Container, *, host_network: bool) -> None:
    for port in container.ports:
        if not port.protocol:
            port.protocol = "TCP"
        if host_network and not port.hostPort:
            port.hostPort = port.containerPort


def _default_actions(container: Container) -> None:
    if container.HasField("livenessProbe"):
        _default_probe(container.livenessProbe)
    if container.HasField("readinessProbe"):
        _default_probe(container.readinessProbe)
    if container.HasField("startupProbe"):
        _default_probe(container.startupProbe)
    if container.HasField("lifecycle"):
        lifecycle = container.lifecycle
        if lifecycle.HasField("postStart"):
            _default_handler(lifecycle.postStart)
        if lifecycle.HasField("preStop"):
            _default_handler(lifecycle.preStop)


def _default_env(container: Container) -> None:
    for variable in container.env:
        if not variable.HasField("valueFrom"):
            continue
        source = variable.valueFrom
        if source.HasField("fieldRef") and not source.fieldRef.apiVersion:
            source.fieldRef.apiVersion = "v1"
        if source.HasField("resourceFieldRef") and not source.resourceFieldRef.divisor.string:
            source.resourceFieldRef.divisor.string = "0"


def _default_requests(container: Container) -> None:
    limits = container.resources.limits
    requests = container.resources.requests
    _round_up(limits)
    _round_up(requests)
    for name in sorted(limits):
        if name not in requests:
            requests[name].CopyFrom(limits[name])


def _round_up(amounts: Mapping[str, Quantity]) -> None:
    """Round amounts up to thousandths: nothing finer is ever granted."""
    for amount in amounts.values():
        text = amount.string
        if text[-1:] in _FINE_SUFFIXES or "." in text:
            nanos = nano_value(text)
            if nanos % NANOS_PER_MILLI:
                amount.string = from_milli(milli_value(text))


def _default_probe(probe: Probe) -> None:
    if not probe.timeoutSeconds:
        probe.timeoutSeconds = 1
    if not probe.periodSeconds:
        probe.periodSeconds = 10
    if not probe.successThreshold:
        probe.successThreshold = 1
    if not probe.failureThreshold:
        probe.failureThreshold = 3
    handler = probe.handler
    if handler.HasField("httpGet"):
        _default_http_get(handler.httpGet)
    if handler.HasField("grpc") and not handler.grpc.HasField("service"):
        handler.grpc.service = ""


def _default_handler(handler: LifecycleHandler) -> None:
    if handler.HasField("httpGet"):
        _default_http_get(handler.httpGet)


def _default_http_get(action: HTTPGetAction) -> None:
    if not action.path:
        action.path = "/"
    if not action.scheme:
        action.scheme = "HTTP"
