"""The resources that are served, a line each; discovery and routing read nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar, cast

from google.protobuf.message import Message

from cluster.apiserver.resources.config_map import ConfigMapStrategy
from cluster.apiserver.resources.endpoint_slice import EndpointSliceStrategy
from cluster.apiserver.resources.endpoints import EndpointsStrategy
from cluster.apiserver.resources.event import EventStrategy
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.lease import LeaseStrategy
from cluster.apiserver.resources.limit_range import LimitRangeStrategy
from cluster.apiserver.resources.namespace import NamespaceStrategy
from cluster.apiserver.resources.node import NodeStrategy
from cluster.apiserver.resources.persistent_volume import PersistentVolumeStrategy
from cluster.apiserver.resources.persistent_volume_claim import PersistentVolumeClaimStrategy
from cluster.apiserver.resources.pod import PodStrategy
from cluster.apiserver.resources.replica_set import ReplicaSetStrategy
from cluster.apiserver.resources.replication_controller import ReplicationControllerStrategy
from cluster.apiserver.resources.resource_quota import ResourceQuotaStrategy
from cluster.apiserver.resources.secret import SecretStrategy
from cluster.apiserver.resources.service import ServiceStrategy
from cluster.apiserver.resources.service_account import ServiceAccountStrategy
from serialization.kinds import BINDINGS
from serialization.scheme import Resource
from storage.clock import Clock, SystemClock

M = TypeVar("M", bound=Message)


class BindingStrategy(Strategy[Message]):
    """Bindings are only posted; what they do is a write to a pod (``verbs.binding``)."""

    resource = BINDINGS
    verbs = frozenset(("create",))


def _any(strategy: Strategy[M]) -> Strategy[Message]:
    """Forget the kind: verbs hand a strategy only messages that were decoded as its resource."""
    return cast("Strategy[Message]", strategy)


def served(clock: Clock | None = None) -> tuple[Strategy[Message], ...]:
    """Return a strategy for each resource that an API server serves.

    ``clock`` tells the times that stand in a status (the machine's own, unless given).
    """
    return (
        _any(PodStrategy()),
        _any(NodeStrategy()),
        _any(ReplicationControllerStrategy()),
        _any(ReplicaSetStrategy()),
        _any(NamespaceStrategy()),
        _any(EventStrategy()),
        _any(LeaseStrategy()),
        _any(ServiceStrategy()),
        _any(EndpointsStrategy()),
        _any(EndpointSliceStrategy()),
        _any(ConfigMapStrategy()),
        _any(SecretStrategy()),
        _any(ServiceAccountStrategy()),
        _any(ResourceQuotaStrategy()),
        _any(LimitRangeStrategy()),
        _any(PersistentVolumeStrategy(clock or SystemClock())),
        _any(PersistentVolumeClaimStrategy()),
        BindingStrategy(),
    )


class Registry:
    """Strategies by what a path names."""

    def __init__(self, strategies: Iterable[Strategy[Message]]) -> None:
        self._by_plural = {
            (s.resource.group, s.resource.version, s.resource.plural): s for s in strategies
        }
        self.groups = {group for group, _version, _plural in self._by_plural}

    def __iter__(self) -> Iterator[Strategy[Message]]:
        return iter(self._by_plural.values())

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Return the resources, in the order of the registry."""
        return tuple(strategy.resource for strategy in self)

    def find(self, group: str, version: str, plural: str) -> Strategy[Message] | None:
        """Return the strategy of a resource, or None."""
        return self._by_plural.get((group, version, plural))
