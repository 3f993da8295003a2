"""What endpoints are made of: a service and a pod, read once from their messages. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from cluster.client.interface import ObjectKey
from serialization.api.core import v1_pb2 as core

NO_IP: Final = "None"
"""The ``clusterIP`` of a headless service."""
EXTERNAL_NAME: Final = "ExternalName"
HEADLESS: Final = "service.kubernetes.io/headless"
"""The label of what is made for a headless service."""
TRIGGER_TIME: Final = "endpoints.kubernetes.io/last-change-trigger-time"
"""The annotation that tells when what a write tells of has changed: what lag is measured from."""
IPV4: Final = "IPv4"
IPV6: Final = "IPv6"
TCP: Final = "TCP"

_STRING: Final = 1
_FINISHED: Final = frozenset(("Succeeded", "Failed"))


class ContainerPort(NamedTuple):
    """A named port of a pod's container."""

    name: str
    protocol: str
    number: int


class ServicePod(NamedTuple):
    """What endpoints tell of a pod; two that differ only in their version are told alike."""

    resource_version: str
    key: ObjectKey
    uid: str
    ips: tuple[str, ...]
    node_name: str
    ready: bool
    terminating: bool
    finished: bool
    hostname: str
    subdomain: str
    ports: tuple[ContainerPort, ...]
    """The named ones, in the order of the containers."""
    changed_s: int
    """When it became ready or not, or was scheduled; Unix seconds, 0: not known."""

    def tells_as(self, other: ServicePod) -> bool:
        """Return whether another version of this pod says the same."""
        return self[1:] == other[1:]


class ServicePort(NamedTuple):
    """A port of a service."""

    name: str
    protocol: str
    target: int | str
    """A number, or the name of a port that each pod resolves for itself."""
    app_protocol: str


class Port(NamedTuple):
    """A port of endpoints: a service's port as a pod resolves it."""

    name: str
    number: int
    protocol: str
    app_protocol: str


class ServiceFacts(NamedTuple):
    """What endpoints controllers read of a service."""

    key: ObjectKey
    uid: str
    labels: dict[str, str]
    ports: tuple[ServicePort, ...]
    headless: bool
    publish_not_ready: bool
    families: tuple[str, ...]
    """IPv4, IPv6 or both, the first being the main one."""
    managed: bool
    """It has a selector, and is not just another name: else its endpoints are somebody else's."""


def read_pod(pod: core.Pod) -> ServicePod:
    """Read a pod."""
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    ips = tuple(each.ip for each in status.podIPs if each.ip)
    if not ips and status.podIP:
        ips = (status.podIP,)
    ready, ready_s, scheduled_s = False, 0, 0
    for condition in status.conditions:
        if condition.type == "Ready":
            ready, ready_s = condition.status == "True", condition.lastTransitionTime.seconds
        elif condition.type == "PodScheduled":
            scheduled_s = condition.lastTransitionTime.seconds
    return ServicePod(
        resource_version=metadata.resourceVersion,
        key=ObjectKey(metadata.namespace, metadata.name),
        uid=metadata.uid,
        ips=ips,
        node_name=spec.nodeName,
        ready=ready,
        terminating=metadata.HasField("deletionTimestamp"),
        finished=status.phase in _FINISHED,
        hostname=spec.hostname,
        subdomain=spec.subdomain,
        ports=tuple(_named_ports(spec)),
        changed_s=ready_s or scheduled_s,
    )


def _named_ports(spec: core.PodSpec) -> Iterable[ContainerPort]:
    """Return the ports of containers, then those of init containers that go on running."""
    lasting = [each for each in spec.initContainers if each.restartPolicy == "Always"]
    for container in (*spec.containers, *lasting):
        for port in container.ports:
            if port.name:
                yield ContainerPort(port.name, port.protocol or TCP, port.containerPort)


def read_service(service: core.Service) -> ServiceFacts:
    """Read a service."""
    metadata, spec = service.metadata, service.spec
    return ServiceFacts(
        key=ObjectKey(metadata.namespace, metadata.name),
        uid=metadata.uid,
        labels=dict(metadata.labels),
        ports=tuple(
            ServicePort(port.name, port.protocol or TCP, _target(port), port.appProtocol)
            for port in spec.ports
        ),
        headless=spec.clusterIP == NO_IP,
        publish_not_ready=spec.publishNotReadyAddresses,
        families=tuple(spec.ipFamilies) or (family_of(spec.clusterIP),),
        managed=bool(spec.selector) and spec.type != EXTERNAL_NAME,
    )


def _target(port: core.ServicePort) -> int | str:
    """Return the target port; one that is not given is the port itself."""
    target = port.targetPort
    if target.type == _STRING:
        return target.strVal
    return target.intVal or port.port


def family_of(address: str) -> str:
    """Return the family of an IP address."""
    return IPV6 if ":" in address else IPV4


def may_be_endpoint(pod: ServicePod, *, terminating: bool) -> bool:
    """Return whether a pod can be an endpoint: it has an address and has not finished.

    One that is being deleted only where ``terminating`` allows it.
    """
    return bool(pod.ips) and not pod.finished and (terminating or not pod.terminating)


def addresses_in(pod: ServicePod, family: str) -> tuple[str, ...]:
    """Return the pod's addresses of a family."""
    return tuple(ip for ip in pod.ips if family_of(ip) == family)


def hostname_in(pod: ServicePod, service: ServiceFacts) -> str:
    """Return the name that a pod has within a service: only if that is its subdomain."""
    return pod.hostname if pod.subdomain == service.key.name else ""


def resolve(service: ServiceFacts, pod: ServicePod) -> tuple[Port, ...]:
    """Return the service's ports as this pod has them; one that it does not name is left out."""
    found = []
    for port in service.ports:
        number = port.target if isinstance(port.target, int) else _number_of(port, pod)
        if number:
            found.append(Port(port.name, number, port.protocol, port.app_protocol))
    return tuple(found)


def _number_of(port: ServicePort, pod: ServicePod) -> int:
    for each in pod.ports:
        if each.name == port.target and each.protocol == port.protocol:
            return each.number
    return 0


def labels_for(service: ServiceFacts, own: dict[str, str]) -> dict[str, str]:
    """Return the labels of what is made for a service: its own, and those of the maker."""
    labels = {**service.labels, **own}
    labels.pop(HEADLESS, None)
    if service.headless:
        labels[HEADLESS] = ""
    return labels
