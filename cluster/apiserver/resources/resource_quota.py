"""Resource quotas."""

from __future__ import annotations

from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import ResourceQuota
from serialization.kinds import RESOURCE_QUOTAS


class ResourceQuotaStrategy(Strategy[ResourceQuota]):
    """What a namespace may use; nothing enforces it yet."""

    resource = RESOURCE_QUOTAS

    def default(self, obj: ResourceQuota) -> None:
        obj.spec.SetInParent()
        obj.status.SetInParent()

    def prepare_create(self, obj: ResourceQuota) -> None:
        obj.status.Clear()
        obj.status.SetInParent()

    def prepare_update(self, new: ResourceQuota, old: ResourceQuota) -> None:
        new.status.CopyFrom(old.status)

    def prepare_status(self, new: ResourceQuota, old: ResourceQuota) -> None:
        new.spec.CopyFrom(old.spec)
