"""Node leases: the small heartbeat of today's kubelets, a PUT of a Lease that carries the time."""

from __future__ import annotations

from typing import Final

from cluster.client.interface import ApiClient, ApiError, ObjectKey
from cluster.kubelet.hollow_node import HollowNode
from serialization.api.coordination.v1_pb2 import Lease, LeaseSpec
from serialization.api.meta.v1_pb2 import MicroTime, ObjectMeta, OwnerReference
from serialization.kinds import LEASES, NODES
from storage.clock import Clock

NAMESPACE: Final = "kube-node-lease"
DURATION_S: Final = 40


class NodeLeases:
    """Renews leases. What the last PUT answered is kept, so a renewal needs no GET."""

    def __init__(self, client: ApiClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._held: dict[str, Lease] = {}
        self.renewals = 0

    async def renew(self, node: HollowNode) -> None:
        """Renew a node's lease; make it the first time; take over one that is there."""
        lease = self._held.get(node.name)
        if lease is None:
            lease = await self._take(node)
        lease.spec.renewTime.CopyFrom(self._now())
        try:
            self._held[node.name] = await self._client.update(LEASES, lease)
        except ApiError:
            self._held.pop(node.name, None)  # stale or gone: read or make it again
            raise
        self.renewals += 1

    async def _take(self, node: HollowNode) -> Lease:
        try:
            return await self._client.create(LEASES, NAMESPACE, self._new(node))
        except ApiError as error:
            if error.code != 409:
                raise
        return await self._client.get(LEASES, Lease, ObjectKey(NAMESPACE, node.name))

    def _new(self, node: HollowNode) -> Lease:
        return Lease(
            metadata=ObjectMeta(
                name=node.name,
                namespace=NAMESPACE,
                ownerReferences=[
                    OwnerReference(
                        apiVersion=NODES.api_version,
                        kind=NODES.kind,
                        name=node.name,
                        uid=node.uid,
                    )
                ],
            ),
            spec=LeaseSpec(
                holderIdentity=node.name, leaseDurationSeconds=DURATION_S, renewTime=self._now()
            ),
        )

    def _now(self) -> MicroTime:
        now = self._clock.now()
        return MicroTime(seconds=int(now.timestamp()), nanos=now.microsecond * 1000)
