"""Which changes of the cluster the scheduler hears of, and what each means to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from cluster.client.interface import CachedObject, InformerSource
from cluster.client.sink import Sink
from cluster.scheduler.groups import PodGroups
from serialization.api.apps.v1_pb2 import ReplicaSet
from serialization.api.core import v1_pb2 as core
from serialization.kinds import REPLICA_SETS, REPLICATION_CONTROLLERS, SERVICES
from serialization.selectors import LabelSelector, SelectorError, of_map, of_message

M = TypeVar("M", bound=Message)


class Synced(Protocol):
    """Something whose first list must have been applied before anything is decided."""

    async def wait_synced(self) -> None:
        """Return once the first list has been applied."""
        ...


def follow_selectors(informers: InformerSource, groups: PodGroups) -> Sequence[Synced]:
    """Keep the selectors of services and replica controllers in ``groups``."""
    services = informers.informer(SERVICES, core.Service)
    services.subscribe(_selectors(groups, _of_service))
    controllers = informers.informer(REPLICATION_CONTROLLERS, core.ReplicationController)
    controllers.subscribe(_selectors(groups, _of_controller))
    replica_sets = informers.informer(REPLICA_SETS, ReplicaSet)
    replica_sets.subscribe(_selectors(groups, _of_replica_set))
    return (services, controllers, replica_sets)


def _of_service(service: core.Service) -> LabelSelector:
    return of_map(service.spec.selector)


def _of_controller(controller: core.ReplicationController) -> LabelSelector:
    return of_map(controller.spec.selector)


def _of_replica_set(replica_set: ReplicaSet) -> LabelSelector:
    return of_message(replica_set.spec.selector)


def _selectors(groups: PodGroups, read: Callable[[M], LabelSelector]) -> Sink[M]:
    known: dict[str, LabelSelector] = {}

    def seen(owner: CachedObject[M]) -> None:
        try:
            selector = read(owner.peek())
        except SelectorError:
            return  # a real API server refuses it
        if known.get(owner.uid) != selector:  # most changes are of the status
            known[owner.uid] = selector
            groups.select(owner.uid, owner.key.namespace, selector)

    def gone(owner: CachedObject[M]) -> None:
        known.pop(owner.uid, None)
        groups.select(owner.uid, owner.key.namespace, None)

    return Sink(seen, gone)
