"""Services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cluster.apiserver.errors import FieldProblem
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.metadata import label_name_errors
from cluster.apiserver.resources.service_updates import (
    carry_over,
    drop_what_the_type_lacks,
    service_change_problems,
)
from cluster.apiserver.resources.service_validation import (
    is_exposed,
    is_headless,
    service_problems,
    status_problems,
)
from cluster.apiserver.resources.service_warnings import service_warnings
from serialization.api.core.v1_pb2 import Service, ServiceSpec, ServiceStatus
from serialization.kinds import SERVICES

AFFINITY_S: Final = 10_800
ADDRESSED: Final = ("ClusterIP", "LoadBalancer", "NodePort")
"""The types that have, or may have, an address of their own."""


class ServiceStrategy(Strategy[Service]):
    """A name and a stable address for the pods that a selector picks.

    The address, and the ports on every node, are handed out when it is written (``allocation``).
    """

    resource = SERVICES
    answers_deleted_object = True

    def name_errors(self, name: str) -> list[str]:
        return label_name_errors(name)

    def default(self, obj: Service) -> None:
        spec = obj.spec
        if not spec.type:
            spec.type = "ClusterIP"
        _default_affinity(spec)
        for port in spec.ports:
            if not port.protocol:
                port.protocol = "TCP"
            target = port.targetPort
            if not target.intVal and not target.strVal:
                target.type = 0
                target.intVal = port.port
        if is_exposed(spec) and not spec.externalTrafficPolicy:
            spec.externalTrafficPolicy = "Cluster"
        if spec.type in ADDRESSED and not spec.HasField("internalTrafficPolicy"):
            spec.internalTrafficPolicy = "Cluster"
        if spec.type == "LoadBalancer" and not spec.HasField("allocateLoadBalancerNodePorts"):
            spec.allocateLoadBalancerNodePorts = True
        _default_status(obj.status)

    def prepare_create(self, obj: Service) -> None:
        obj.status.Clear()
        _default_status(obj.status)
        spec = obj.spec
        if spec.clusterIP and not spec.clusterIPs:
            spec.clusterIPs.append(spec.clusterIP)
        _settle_families(spec)

    def validate(self, obj: Service) -> list[FieldProblem]:
        return service_problems(obj)

    def warnings(self, obj: Service) -> Sequence[str]:
        return tuple(service_warnings(obj.spec))

    def prepare_update(self, new: Service, old: Service) -> None:
        new.status.CopyFrom(old.status)
        carry_over(new.spec, old.spec)
        drop_what_the_type_lacks(new.spec, old.spec)
        _settle_families(new.spec)

    def validate_update(self, new: Service, old: Service) -> list[FieldProblem]:
        return service_change_problems(new.spec, old.spec)

    def prepare_status(self, new: Service, old: Service) -> None:
        new.spec.CopyFrom(old.spec)

    def validate_status(self, new: Service, old: Service) -> list[FieldProblem]:
        return status_problems(new.status)


def _default_affinity(spec: ServiceSpec) -> None:
    if not spec.sessionAffinity:
        spec.sessionAffinity = "None"
    if spec.sessionAffinity == "None":
        spec.ClearField("sessionAffinityConfig")
    elif spec.sessionAffinity == "ClientIP":
        client = spec.sessionAffinityConfig.clientIP
        if not client.HasField("timeoutSeconds"):
            client.timeoutSeconds = AFFINITY_S


def _default_status(status: ServiceStatus) -> None:
    balancer = status.loadBalancer
    balancer.SetInParent()
    for ingress in balancer.ingress:
        if ingress.ip and not ingress.HasField("ipMode"):
            ingress.ipMode = "VIP"


def _settle_families(spec: ServiceSpec) -> None:
    """Fill in the families of addresses, for a cluster that has IPv4 only.

    Only a headless service without a selector may have both: its endpoints are its owner's affair.
    """
    if spec.type == "ExternalName":
        return
    families = spec.ipFamilies
    if is_headless(spec) and not spec.selector:
        if not spec.HasField("ipFamilyPolicy"):
            spec.ipFamilyPolicy = "RequireDualStack"
        if not families:
            families.append("IPv4")
        if len(families) == 1 and spec.ipFamilyPolicy != "SingleStack":
            families.append("IPv6" if families[0] == "IPv4" else "IPv4")
        return
    if not spec.HasField("ipFamilyPolicy"):
        both = len(families) > 1 or len(spec.clusterIPs) > 1
        spec.ipFamilyPolicy = "RequireDualStack" if both else "SingleStack"
    if not families:
        families.append("IPv4")
