"""Carries out what is due for a pod: the write of its status, or the DELETE that ends it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.client.interface import ApiError, ObjectKey, WorkQueue
from cluster.kubelet.container_life import NEVER, Happening, Moment
from cluster.kubelet.hollow_node import Due, HollowNode, PodTask
from cluster.kubelet.life_status import write_life
from cluster.kubelet.pod_conditions import ready_condition
from cluster.kubelet.pod_life import PodLife, started
from cluster.kubelet.pod_status import Placing, set_running
from cluster.kubelet.report_stamps import ReportStamps
from cluster.kubelet.reporting import report
from cluster.kubelet.stages import Effect, PodState, stage_of
from cluster.kubelet.status_writer import StatusWriter
from serialization.api.core.v1_pb2 import Pod
from serialization.kinds import PODS
from storage.clock import Clock


@dataclass(slots=True)
class PodCounts:
    """What came of it."""

    deletes: int = 0
    started: int = 0
    """Pods that were reported running."""
    removed: int = 0
    restarts: int = 0
    """Of containers."""
    finished: int = 0
    """Pods that succeeded or failed."""
    late_ns_max: int = 0
    """How much later than its stage ended a pod was attended to, at worst."""


class PodSync:
    """The sync of the pod queue, for all nodes of a process."""

    def __init__(
        self,
        writer: StatusWriter,
        nodes: Sequence[HollowNode],
        queue: WorkQueue[PodTask],
        clock: Clock,
        chance: random.Random,
        *,
        stamps: ReportStamps | None = None,
    ) -> None:
        self._nodes = nodes
        self._queue = queue
        self._clock = clock
        self._chance = chance
        self._stamps = stamps
        self.writer = writer
        self.counts = PodCounts()

    async def sync(self, task: PodTask) -> None:
        """Do what is due for one pod, if anything is."""
        node = self._nodes[task.node]
        due = node.due(task.key)
        if due is None or due.due_ns == NEVER:
            return
        late_ns = self._clock.stamp_ns() - due.due_ns
        if late_ns < 0:
            self._queue.add_after(task, -late_ns / 1e9)
            return
        self.counts.late_ns_max = max(self.counts.late_ns_max, late_ns)
        match due.effect:
            case Effect.REPORT_RUNNING:
                await self._report_running(node, task.key, due)
                node.done(task.key, due)
            case Effect.DELETE:
                await self._delete(task.key, due)
                # Its stage lasts until it is gone: it may change once more, or have finalizers.
                node.go_on(task.key, due, NEVER)
            case Effect.ADVANCE:
                await self._advance(node, task.key, due)

    async def _report_running(self, node: HollowNode, key: ObjectKey, due: Due) -> None:
        begins = False

        def change(pod: Pod) -> bool:
            nonlocal begins
            # One that its watch has removed already would take an address that nobody gives back.
            if node.due(key) is not due or not self._is_still(pod, due):
                return False
            begins = pod.status.phase != "Running"
            pod_ip = pod.status.podIP or node.addresses.take(due.uid)
            now_s = int(self._clock.now().timestamp())
            set_running(pod, Placing(node.host_ip, pod_ip, due.seen_s, now_s), self._chance)
            return True

        pod = await self.writer.write(key, change, lambda: self._stamp(due.uid), compare=False)
        if pod is not None and begins:
            self.counts.started += 1
            report(node.recorder, pod, _begun(pod))

    def _is_still(self, pod: Pod, due: Due) -> bool:
        """Whether a pod is the one that was seen, and still in that stage."""
        phase = pod.status.phase
        unready = phase == "Running" and ready_condition(pod) != "True"
        state = PodState(phase, pod.metadata.HasField("deletionTimestamp"), unready=unready)
        return pod.metadata.uid == due.uid and stage_of(state) is due.stage

    def _stamp(self, uid: str) -> None:
        if self._stamps is not None:
            self._stamps.take(uid, self._clock.stamp_ns())

    async def _advance(self, node: HollowNode, key: ObjectKey, due: Due) -> None:
        """Let happen what is due in a pod's life, and tell the API."""
        life = node.lives.get(key)
        if life is None or life.uid != due.uid:
            return
        now = Moment(self._clock.stamp_ns(), int(self._clock.now().timestamp()))
        before = (life.phase, life.restarts)
        happenings = life.advance(now, self._chance)
        mistakes = life.script.new_mistakes()
        self.counts.restarts += life.restarts - before[1]
        self.counts.finished += life.finished
        if life.phase == "Running" != before[0]:
            self.counts.started += 1
        known = node.pod(key)
        if known is not None and (happenings or mistakes):
            wrong = [Happening("InvalidBehaviour", each, warning=True) for each in mistakes]
            report(node.recorder, known, happenings + wrong)
        if life.written != life.version:
            await self._tell(node, key, life)
        node.go_on(key, due, life.due_ns() if life.written == life.version else now.ns)

    async def _tell(self, node: HollowNode, key: ObjectKey, life: PodLife) -> None:
        version = life.version

        def change(pod: Pod) -> bool:
            nonlocal version
            version = life.version
            if node.lives.get(key) is not life:  # removed already, as its watch has it
                return False
            if pod.metadata.uid != life.uid or pod.metadata.HasField("deletionTimestamp"):
                return False
            now_s = int(self._clock.now().timestamp())
            pod_ip = pod.status.podIP or node.addresses.take(life.uid)
            write_life(pod, life, Placing(node.host_ip, pod_ip, life.seen_s, now_s))
            return True

        def stamp() -> None:
            if life.phase == "Running":
                self._stamp(life.uid)

        await self.writer.write(key, change, stamp)
        life.written = version

    async def _delete(self, key: ObjectKey, due: Due) -> None:
        self.counts.deletes += 1
        try:
            await self.writer.client.delete(PODS, key, grace_period_s=0, uid=due.uid)
        except ApiError as error:
            # 409: another one has its name, or the server lost too many races: ask again.
            gone = error.code == 404 or (error.code == 409 and await self._replaced(key, due.uid))
            if not gone:
                raise
        self.counts.removed += 1

    async def _replaced(self, key: ObjectKey, uid: str) -> bool:
        """Tell whether the pod is gone, or another one stands under its name."""
        pod = await self.writer.get(key)
        return pod is None or pod.metadata.uid != uid


def _begun(pod: Pod) -> list[Happening]:
    """Return what a kubelet reports of the containers of a pod that it starts."""
    told: list[Happening] = []
    for container in pod.spec.containers:
        told += started(container.name, container.image, f"spec.containers{{{container.name}}}")
    return told
