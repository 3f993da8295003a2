"""A cluster on the fake API that does what controllers, scheduler and kubelets do, at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Final

from cluster.client.fake import FakeApi
from cluster.client.interface import ObjectKey
from serialization.api.core.v1_pb2 import Node, Pod, ReplicationController
from serialization.api.meta.v1_pb2 import ObjectMeta, OwnerReference
from serialization.kinds import PODS

TURN_S: Final = 0.01


class FakeCluster:
    """Turns every 10 ms: creates and deletes pods as controllers want, binds, runs, buries."""

    def __init__(self, api: FakeApi, *, running_max: int = 10**9, turn_s: float = TURN_S) -> None:
        self.api = api
        self.turn_s = turn_s
        """What happens between two turns is seen at once, as by controllers that are behind."""
        self.running_max = running_max
        """No more than so many pods are ever run: a cluster that stalls."""
        self.ran = 0
        api.add(Node(metadata=ObjectMeta(name="n1")))

    async def run(self) -> None:
        """Turn until cancelled."""
        while True:
            self._turn()
            await asyncio.sleep(self.turn_s)

    def _turn(self) -> None:
        owned: defaultdict[str, list[Pod]] = defaultdict(list)
        for pod in self.api.objects(Pod):
            if pod.metadata.HasField("deletionTimestamp"):
                self.api.remove(PODS, ObjectKey(pod.metadata.namespace, pod.metadata.name))
                continue
            for owner in pod.metadata.ownerReferences:
                owned[owner.uid].append(pod)
            self._advance(pod)
        for controller in self.api.objects(ReplicationController):
            self._replicate(controller, owned[controller.metadata.uid])

    def _advance(self, pod: Pod) -> None:
        if not pod.spec.nodeName:
            pod.spec.nodeName = "n1"
            self.api.put(pod)
        elif pod.status.phase != "Running" and self.ran < self.running_max:
            self.ran += 1
            pod.status.phase = "Running"
            self.api.put(pod)

    def _replicate(self, controller: ReplicationController, pods: list[Pod]) -> None:
        wanted = controller.spec.replicas
        for pod in pods[wanted:]:
            self.api.remove(PODS, ObjectKey(pod.metadata.namespace, pod.metadata.name))
        for _ in range(wanted - len(pods)):
            meta = controller.metadata
            made = Pod(
                metadata=ObjectMeta(
                    namespace=meta.namespace,
                    generateName=f"{meta.name}-",
                    ownerReferences=[OwnerReference(uid=meta.uid, name=meta.name)],
                )
            )
            made.spec.CopyFrom(controller.spec.template.spec)
            self.api.add(made)
