"""Services."""

from __future__ import annotations

from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import Service
from serialization.kinds import SERVICES


class ServiceStrategy(Strategy[Service]):
    """A name and a stable address for the pods that a selector picks."""

    resource = SERVICES

    def default(self, obj: Service) -> None:
        spec = obj.spec
        if not spec.type:
            spec.type = "ClusterIP"
        if not spec.sessionAffinity:
            spec.sessionAffinity = "None"
        for port in spec.ports:
            if not port.protocol:
                port.protocol = "TCP"
            target = port.targetPort
            if not target.intVal and not target.strVal:
                target.type = 0
                target.intVal = port.port
        obj.status.loadBalancer.SetInParent()

    def prepare_create(self, obj: Service) -> None:
        obj.status.Clear()
        obj.status.loadBalancer.SetInParent()

    def prepare_update(self, new: Service, old: Service) -> None:
        new.status.CopyFrom(old.status)

    def prepare_status(self, new: Service, old: Service) -> None:
        new.spec.CopyFrom(old.spec)
