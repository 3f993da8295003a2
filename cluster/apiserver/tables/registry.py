"""The tables by kind, a line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, cast

from google.protobuf.message import Message

from cluster.apiserver.tables.endpoints import EndpointSlicePrinter, EndpointsPrinter
from cluster.apiserver.tables.event import EventPrinter
from cluster.apiserver.tables.interface import Printer
from cluster.apiserver.tables.node import NodePrinter
from cluster.apiserver.tables.pod import PodPrinter, completion
from cluster.apiserver.tables.replica_set import ReplicaSetPrinter
from cluster.apiserver.tables.replication_controller import ReplicationControllerPrinter
from cluster.apiserver.tables.resource_quota import ResourceQuotaPrinter
from cluster.apiserver.tables.service import ServicePrinter
from cluster.apiserver.tables.simple import (
    ConfigMapPrinter,
    LeasePrinter,
    NamespacePrinter,
    PlainPrinter,
    SecretPrinter,
    ServiceAccountPrinter,
)
from cluster.apiserver.tables.volumes import PersistentVolumeClaimPrinter, PersistentVolumePrinter
from serialization.api.apps.v1_pb2 import ReplicaSet
from serialization.api.coordination.v1_pb2 import Lease
from serialization.api.core.v1_pb2 import (
    ConfigMap,
    Endpoints,
    Event,
    Namespace,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    ReplicationController,
    ResourceQuota,
    Secret,
    Service,
    ServiceAccount,
)
from serialization.api.discovery.v1_pb2 import EndpointSlice

M = TypeVar("M", bound=Message)


def _for(message: type[M], printer: Printer[M]) -> tuple[type[Message], Printer[Message]]:
    """Forget the kind: a printer is only handed messages of the class it stands beside."""
    return message, cast("Printer[Message]", printer)


PRINTERS: Final[dict[type[Message], Printer[Message]]] = dict(
    (
        _for(Pod, PodPrinter()),
        _for(Node, NodePrinter()),
        _for(ReplicationController, ReplicationControllerPrinter()),
        _for(Namespace, NamespacePrinter()),
        _for(Event, EventPrinter()),
        _for(Lease, LeasePrinter()),
        _for(ReplicaSet, ReplicaSetPrinter()),
        _for(Service, ServicePrinter()),
        _for(Endpoints, EndpointsPrinter()),
        _for(EndpointSlice, EndpointSlicePrinter()),
        _for(ConfigMap, ConfigMapPrinter()),
        _for(Secret, SecretPrinter()),
        _for(ServiceAccount, ServiceAccountPrinter()),
        _for(ResourceQuota, ResourceQuotaPrinter()),
        _for(PersistentVolume, PersistentVolumePrinter()),
        _for(PersistentVolumeClaim, PersistentVolumeClaimPrinter()),
    )
)
PLAIN: Final = PlainPrinter()

CONDITIONS: Final[dict[type[Message], Callable[[Message], list[dict[str, str]]]]] = {
    Pod: lambda message: completion(cast("Pod", message)),
}
"""What a row says of its object besides the cells: so far that it is through."""
