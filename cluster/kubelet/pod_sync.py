"""Carries out what is due for a pod: GET and PUT of its status, or the DELETE that ends it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cluster.client.interface import ApiClient, ApiError, ObjectKey, WorkQueue
from cluster.kubelet.hollow_node import Due, HollowNode, PodTask
from cluster.kubelet.pod_status import Placing, set_running
from cluster.kubelet.report_stamps import ReportStamps
from cluster.kubelet.stages import Effect, PodState, stage_of
from serialization.api.core.v1_pb2 import ObjectReference, Pod
from serialization.kinds import PODS
from storage.clock import Clock

CONFLICTS_MAX: Final = 5
"""Stale PUTs of one status in a row, after which it backs off like any failure."""


@dataclass(slots=True)
class PodCounts:
    """Requests by kind, and what came of them."""

    gets: int = 0
    status_puts: int = 0
    conflicts: int = 0
    deletes: int = 0
    started: int = 0
    removed: int = 0
    late_ns_max: int = 0
    """How much later than its stage ended a pod was attended to, at worst."""


class PodSync:
    """The sync of the pod queue, for all nodes of a process."""

    def __init__(
        self,
        client: ApiClient,
        nodes: Sequence[HollowNode],
        queue: WorkQueue[PodTask],
        clock: Clock,
        chance: random.Random,
        *,
        stamps: ReportStamps | None = None,
    ) -> None:
        self._client = client
        self._nodes = nodes
        self._queue = queue
        self._clock = clock
        self._chance = chance
        self._stamps = stamps
        self.counts = PodCounts()

    async def sync(self, task: PodTask) -> None:
        """Do what is due for one pod, if anything is."""
        node = self._nodes[task.node]
        due = node.due(task.key)
        if due is None:
            return
        late_ns = self._clock.stamp_ns() - due.due_ns
        if late_ns < 0:
            self._queue.add_after(task, -late_ns / 1e9)
            return
        self.counts.late_ns_max = max(self.counts.late_ns_max, late_ns)
        match due.effect:
            case Effect.REPORT_RUNNING:
                await self._report_running(node, task.key, due)
            case Effect.DELETE:
                await self._delete(node, task.key, due)
        node.done(task.key, due)

    async def _report_running(self, node: HollowNode, key: ObjectKey, due: Due) -> None:
        for attempt in range(CONFLICTS_MAX):
            pod = await self._fresh(key, due)
            if pod is None:
                return
            pod_ip = pod.status.podIP or node.addresses.take(due.uid)
            now_s = int(self._clock.now().timestamp())
            set_running(pod, Placing(node.host_ip, pod_ip, due.seen_s, now_s), self._chance)
            try:
                self.counts.status_puts += 1
                if self._stamps is not None:
                    self._stamps.take(due.uid, self._clock.stamp_ns())
                await self._client.update_status(PODS, pod)
            except ApiError as error:
                if error.code == 404:
                    return
                if error.code != 409:
                    raise
                self.counts.conflicts += 1
                if attempt + 1 == CONFLICTS_MAX:
                    raise
                continue
            self.counts.started += 1
            _tell_started(node, pod)
            return

    async def _fresh(self, key: ObjectKey, due: Due) -> Pod | None:
        """GET the pod; None if it is gone, is another one, or needs no start any more."""
        self.counts.gets += 1
        try:
            pod = await self._client.get(PODS, Pod, key)
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        state = PodState(pod.status.phase, pod.metadata.HasField("deletionTimestamp"))
        if pod.metadata.uid != due.uid or stage_of(state) is not due.stage:
            return None
        return pod

    async def _delete(self, node: HollowNode, key: ObjectKey, due: Due) -> None:
        self.counts.deletes += 1
        node.recorder.record(
            ObjectReference(
                kind=PODS.kind,
                apiVersion=PODS.api_version,
                namespace=key.namespace,
                name=key.name,
                uid=due.uid,
            ),
            "Killing",
            "Stopping containers",
        )
        try:
            await self._client.delete(PODS, key, grace_period_s=0, uid=due.uid)
        except ApiError as error:
            # 409: another one has its name, or the server lost too many races: ask again.
            gone = error.code == 404 or (error.code == 409 and await self._replaced(key, due.uid))
            if not gone:
                raise
        self.counts.removed += 1

    async def _replaced(self, key: ObjectKey, uid: str) -> bool:
        """Tell whether the pod is gone, or another one stands under its name."""
        self.counts.gets += 1
        try:
            pod = await self._client.get(PODS, Pod, key)
        except ApiError as error:
            if error.code == 404:
                return True
            raise
        return pod.metadata.uid != uid


def _tell_started(node: HollowNode, pod: Pod) -> None:
    """Report what a kubelet reports of each container of a pod that it starts."""
    metadata = pod.metadata
    for container in pod.spec.containers:
        about = ObjectReference(
            kind=PODS.kind,
            apiVersion=PODS.api_version,
            namespace=metadata.namespace,
            name=metadata.name,
            uid=metadata.uid,
            resourceVersion=metadata.resourceVersion,
            fieldPath=f"spec.containers{{{container.name}}}",
        )
        present = f'Container image "{container.image}" already present on machine'
        node.recorder.record(about, "Pulled", present)
        node.recorder.record(about, "Created", f"Created container: {container.name}")
        node.recorder.record(about, "Started", f"Started container {container.name}")
