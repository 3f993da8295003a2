"""The taint eviction controller: pods leave a node with NoExecute taints when they stand no more.

A pod that does not tolerate all of them goes at once, one that does so for a time when that time is
over; it is counted from when this controller first saw the pod below the taints. Taken off in time,
the pod stays. Nearly every pod event costs one look-up: is its node tainted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cluster.client.interface import ApiError, CachedObject, ObjectKey
from cluster.client.sink import Sink
from cluster.controllers.runner import Surroundings, Synced
from cluster.controllers.tolerations import TaintFacts, executing_taints, tolerated_s
from serialization.api.core.v1_pb2 import Node, ObjectReference, Pod, PodCondition
from serialization.kinds import NODES, PODS

REASON: Final = "TaintManagerEviction"


class TaintEvictionController:
    """Deletes pods. Its queue's keys are nodes (no namespace) and pods."""

    name: Final = "tainteviction"

    def __init__(self, around: Surroundings) -> None:
        self._client = around.client
        self._queue = around.queue
        self._recorder = around.recorder
        self._clock = around.clock
        self._nodes = around.informers.informer(NODES, Node)
        self._pods = around.informers.informer(PODS, Pod)
        self.tainted: dict[str, tuple[TaintFacts, ...]] = {}
        """Nodes with NoExecute taints, which are few."""
        self._since_s: dict[str, float] = {}
        """By uid: since when a pod is below its node's taints."""
        self._nodes.subscribe(Sink(self.node_seen, self.node_gone))
        self._pods.subscribe(Sink(self.pod_seen, self.pod_gone))

    @property
    def informers(self) -> Sequence[Synced]:
        return (self._nodes, self._pods)

    def node_seen(self, node: CachedObject[Node]) -> None:
        """A node appeared or changed."""
        taints = executing_taints(node.peek())
        if taints == self.tainted.get(node.key.name, ()):
            return
        if taints:
            self.tainted[node.key.name] = taints
        else:
            del self.tainted[node.key.name]
        self._queue.add(node.key)

    def node_gone(self, node: CachedObject[Node]) -> None:
        """A node was removed; its pods are not this controller's any more."""
        if self.tainted.pop(node.key.name, None) is not None:
            self._queue.add(node.key)

    def pod_seen(self, pod: CachedObject[Pod]) -> None:
        """A pod appeared or changed."""
        if pod.node_name in self.tainted and not pod.deleting:
            self._queue.add(pod.key)

    def pod_gone(self, pod: CachedObject[Pod]) -> None:
        """A pod was removed."""
        self._since_s.pop(pod.uid, None)

    async def sync(self, key: ObjectKey) -> None:
        if not key.namespace:
            for each in self._pods.lister.list():
                if each.node_name == key.name:
                    self._queue.add(each.key)
            return
        cached = self._pods.lister.get(key)
        if cached is None or cached.deleting:
            return
        taints = self.tainted.get(cached.node_name, ())
        if not taints:
            self._stay(cached)
            return
        pod = cached.message()
        limit_s = tolerated_s(pod.spec.tolerations, taints)
        if limit_s is None:
            self._stay(cached)
            return
        now_s = self._clock.stamp_ns() / 1e9
        left_s = self._since_s.setdefault(cached.uid, now_s) + limit_s - now_s
        if left_s > 0:
            self._queue.add_after(key, left_s)
        else:
            await self._evict(pod)

    def _stay(self, pod: CachedObject[Pod]) -> None:
        """Nothing drives a pod away, or no longer."""
        if self._since_s.pop(pod.uid, None) is not None:
            self._record(pod.key, pod.uid, f"Cancelling deletion of Pod {pod.key}")

    async def _evict(self, pod: Pod) -> None:
        meta = pod.metadata
        key = ObjectKey(meta.namespace, meta.name)
        try:
            if self._say_why(pod):
                await self._client.update_status(PODS, pod)
            await self._client.delete(PODS, key, uid=meta.uid)
        except ApiError as error:
            if error.code != 404:
                raise
            return
        self._since_s.pop(meta.uid, None)
        self._record(key, meta.uid, f"Marking for deletion Pod {key}")

    def _say_why(self, pod: Pod) -> bool:
        """Give a pod the condition DisruptionTarget; tell whether it is new."""
        if any(each.type == "DisruptionTarget" for each in pod.status.conditions):
            return False
        condition = PodCondition(
            type="DisruptionTarget",
            status="True",
            reason="DeletionByTaintManager",
            message="Taint manager: deleting due to NoExecute taint",
        )
        condition.lastTransitionTime.seconds = int(self._clock.now().timestamp())
        pod.status.conditions.append(condition)
        return True

    def _record(self, key: ObjectKey, uid: str, message: str) -> None:
        about = ObjectReference(
            apiVersion="v1", kind=PODS.kind, namespace=key.namespace, name=key.name, uid=uid
        )
        self._recorder.record(about, REASON, message)
