"""The pod garbage collector: pods that nobody will end any more are removed.

Pods of a node that is gone (nobody is left to run or to end them), pods that are being deleted and
were never bound, and the oldest of the finished ones where there are too many. A node counts as
gone when the cache has not had it for ``QUARANTINE_S`` and a live read does not find it either.
Source: kube-controller-manager's pod-garbage-collector-controller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cluster.client.interface import ApiError, CachedObject, ObjectKey
from cluster.controllers.runner import Surroundings, Synced
from serialization.api.core.v1_pb2 import Node, Pod
from serialization.kinds import NODES, PODS

PERIOD_S: Final = 20.0
QUARANTINE_S: Final = 40.0
FINISHED_MAX: Final = 12_500
"""How many finished pods may stay."""
TICK: Final = ObjectKey("tick", "")
"""The queue's key of the look at all pods; all other keys are pods to be removed."""
FINISHED: Final = frozenset(("Succeeded", "Failed"))


class PodGarbageCollector:
    """Looks at all pods every ``PERIOD_S``: 60,000 take about 10 ms."""

    name: Final = "podgc"

    def __init__(self, around: Surroundings) -> None:
        self._client = around.client
        self._queue = around.queue
        self._clock = around.clock
        self._nodes = around.informers.informer(NODES, Node)
        self._pods = around.informers.informer(PODS, Pod)
        self._missing_s: dict[str, float] = {}
        """Since when pods name a node that is not there."""
        self._doomed: dict[ObjectKey, str] = {}
        """The uids of the pods in line."""
        self._queue.add_after(TICK, PERIOD_S)

    @property
    def informers(self) -> Sequence[Synced]:
        return (self._nodes, self._pods)

    async def sync(self, key: ObjectKey) -> None:
        if key == TICK:
            self._queue.add_after(TICK, PERIOD_S)
            await self._look_at_all()
        elif (uid := self._doomed.pop(key, None)) is not None:
            # Should that fail, the next look decides anew: its node may have come back.
            await self._remove(key, uid)

    async def _look_at_all(self) -> None:
        unplaced, finished = [], []
        by_missing: dict[str, list[CachedObject[Pod]]] = {}
        nodes = self._nodes.lister
        for pod in self._pods.lister.list():
            node = pod.node_name
            if not node:
                if pod.deleting:
                    unplaced.append(pod)
            elif nodes.get(ObjectKey("", node)) is None:
                by_missing.setdefault(node, []).append(pod)
            if pod.phase in FINISHED:
                finished.append(pod)
        doomed = [*unplaced, *_oldest(finished)]
        for node in await self._gone(list(by_missing)):
            doomed += by_missing[node]
        for pod in doomed:
            self._doomed[pod.key] = pod.uid
            self._queue.add(pod.key)

    async def _gone(self, missing: list[str]) -> list[str]:
        """Return which of these nodes are gone for good."""
        now_s = self._clock.stamp_ns() / 1e9
        self._missing_s = {name: self._missing_s.get(name, now_s) for name in missing}
        gone = []
        for name, since_s in self._missing_s.items():
            if now_s - since_s >= QUARANTINE_S and not await self._exists(name):
                gone.append(name)
        return gone

    async def _exists(self, node: str) -> bool:
        try:
            await self._client.get(NODES, Node, ObjectKey("", node))
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return True

    async def _remove(self, key: ObjectKey, uid: str) -> None:
        cached = self._pods.lister.get(key)
        if cached is None or cached.uid != uid:
            return
        try:
            if cached.phase not in FINISHED:
                pod = cached.message()
                pod.status.phase = "Failed"
                await self._client.update_status(PODS, pod)
            await self._client.delete(PODS, key, uid=uid, grace_period_s=0)
        except ApiError as error:
            if error.code != 404:
                raise


def _oldest(finished: list[CachedObject[Pod]]) -> list[CachedObject[Pod]]:
    """Return those that are too many, the oldest first."""
    surplus = len(finished) - FINISHED_MAX
    if surplus <= 0:
        return []
    ages = [(pod.peek().metadata.creationTimestamp.seconds, pod.key) for pod in finished]
    by_key = {pod.key: pod for pod in finished}
    return [by_key[key] for _age, key in sorted(ages)[:surplus]]
