"""How services are shown."""

from __future__ import annotations

from datetime import datetime

from cluster.apiserver.tables.interface import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    Cell,
    Column,
    age,
    joined,
    selector_text,
)
from serialization.api.core.v1_pb2 import Service, ServicePort


class ServicePrinter:
    """Name, type, addresses within and without, ports, age; wide: the selector."""

    columns = (
        NAME,
        Column("Type"),
        Column("Cluster-IP"),
        Column("External-IP"),
        Column("Port(s)"),
        AGE,
        Column("Selector", priority=1),
    )

    def cells(self, obj: Service, now: datetime) -> list[Cell]:
        spec = obj.spec
        return [
            obj.metadata.name,
            spec.type,
            spec.clusterIPs[0] if spec.clusterIPs else NONE,
            _external(obj),
            joined(_port(port) for port in spec.ports) or NONE,
            age(obj.metadata.creationTimestamp, now),
            selector_text(spec.selector),
        ]


def _external(service: Service) -> str:
    spec = service.spec
    if spec.type in {"ClusterIP", "NodePort"}:
        return joined(spec.externalIPs) or NONE
    if spec.type == "LoadBalancer":
        ingress = service.status.loadBalancer.ingress
        balancers = {each.ip or each.hostname for each in ingress} - {""}
        return joined([*sorted(balancers), *spec.externalIPs]) or "<pending>"
    return spec.externalName if spec.type == "ExternalName" else UNKNOWN


def _port(port: ServicePort) -> str:
    within = f"{port.port}:{port.nodePort}" if port.nodePort else str(port.port)
    return f"{within}/{port.protocol}"
