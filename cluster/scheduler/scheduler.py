"""The scheduler at work: sinks feed the model and the queue, one loop decides, workers bind.

A decision is synchronous: pop, choose, assume. Its consequence (binding, or telling why not) goes
into a bounded line that ``BINDERS`` workers empty, so many bindings are in flight at once and the
loop stops deciding when the API server cannot follow.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import Final, NamedTuple

from cluster.client.events import Recorder
from cluster.client.interface import (
    ApiClient,
    ApiError,
    CachedObject,
    InformerSource,
    ObjectKey,
    TransportError,
)
from cluster.scheduler.decision import Chosen, Decider, Unschedulable
from cluster.scheduler.filters.registry import FILTERS
from cluster.scheduler.needs import FactsReader
from cluster.scheduler.queue import SchedulingQueue
from cluster.scheduler.scores.registry import SCORES
from cluster.scheduler.state import ClusterState
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta, Time
from serialization.kinds import NODES, PODS
from storage.clock import Clock

logger = logging.getLogger(__name__)

BINDERS: Final = 64
SLICE_NS: Final = 5_000_000
"""How long it decides without letting the loop do anything else."""
NAMES: Final = ("", "default-scheduler")
FINISHED: Final = ("Succeeded", "Failed")


class _Placement(NamedTuple):
    pod: core.Pod
    key: ObjectKey
    node_name: str


class _Refusal(NamedTuple):
    pod: core.Pod
    message: str


@dataclass(slots=True)
class SchedulerCounts:
    """What it did so far."""

    decided: int = 0
    decide_ns: int = 0
    """Time spent choosing, reading the pod included."""
    bound: int = 0
    unschedulable: int = 0
    bind_failed: int = 0


class Scheduler:
    """Gives every pod that has no node one."""

    def __init__(
        self,
        client: ApiClient,
        informers: InformerSource,
        recorder: Recorder,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._reader = FactsReader()
        self.state = ClusterState()
        self.queue = SchedulingQueue()
        self.counts = SchedulerCounts()
        self.decider = Decider(self.state, tuple(FILTERS.values()), tuple(SCORES.values()), chance)
        self._wake = asyncio.Event()
        self._line: asyncio.Queue[_Placement | _Refusal] = asyncio.Queue(BINDERS)
        self._nodes = informers.informer(NODES, core.Node)
        self._pods = informers.informer(PODS, core.Pod)
        self._nodes.subscribe(_NodeSink(self))
        self._pods.subscribe(_PodSink(self))

    async def run(self) -> None:
        """Schedule until cancelled."""
        await self.wait_synced()
        async with asyncio.TaskGroup() as group:
            for _ in range(BINDERS):
                group.create_task(self._work())
            await self._decide_forever()

    async def wait_synced(self) -> None:
        """Return once nodes and pods are known."""
        await self._nodes.wait_synced()
        await self._pods.wait_synced()

    def node_seen(self, node: CachedObject[core.Node]) -> None:
        """A node appeared or changed."""
        if self.state.set_node(self._reader.node(node.message())):
            self._moved()

    def node_gone(self, node: CachedObject[core.Node]) -> None:
        """A node was removed."""
        self.state.remove_node(node.key.name)

    def pod_seen(self, pod: CachedObject[core.Pod]) -> None:
        """A pod appeared or changed."""
        if not pod.node_name:
            if not pod.deleting and not self.state.is_assumed(pod.uid):
                self.queue.add(pod.key, pod.uid)
                self._wake.set()
            return
        self.queue.remove(pod.key)
        if pod.phase in FINISHED:
            if self.state.remove_pod(pod.uid):
                self._moved()
        elif not self.state.confirmed_on(pod.uid, pod.node_name):
            self.state.observe(pod.uid, pod.node_name, self._reader.needs(pod.message()))

    def pod_gone(self, pod: CachedObject[core.Pod]) -> None:
        """A pod was removed."""
        self.queue.remove(pod.key)
        if self.state.remove_pod(pod.uid):
            self._moved()

    def _moved(self) -> None:
        self.queue.moved(self._clock.stamp_ns())
        self._wake.set()

    async def _decide_forever(self) -> None:
        slice_ns = self._clock.stamp_ns()
        while True:
            now_ns = self._clock.stamp_ns()
            self.queue.advance(now_ns)
            key = self.queue.pop()
            if key is None:
                await self._until_woken(now_ns)
                slice_ns = self._clock.stamp_ns()
                continue
            outcome = self.decide(key)
            if outcome is not None:
                await self._line.put(outcome)
            if self._clock.stamp_ns() - slice_ns > SLICE_NS:
                await asyncio.sleep(0)
                slice_ns = self._clock.stamp_ns()

    async def _until_woken(self, now_ns: int) -> None:
        self._wake.clear()
        next_ns = self.queue.next_ns()
        delay_s = None if next_ns is None else max(next_ns - now_ns, 0) / 1e9
        try:
            async with asyncio.timeout(delay_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def decide(self, key: ObjectKey) -> _Placement | _Refusal | None:
        """Choose a node for a popped pod and assume it there; None if it needs none any more."""
        started_ns = self._clock.stamp_ns()
        cached = self._pods.lister.get(key)
        if cached is None or cached.node_name or cached.deleting:
            self.queue.remove(key)
            return None
        pod = cached.message()
        if pod.spec.schedulerName not in NAMES or self.state.is_assumed(cached.uid):
            self.queue.remove(key)
            return None
        needs = self._reader.needs(pod)
        outcome = self.decider.choose(needs)
        self.counts.decided += 1
        if isinstance(outcome, Chosen):
            self.state.assume(cached.uid, outcome.node_name, needs)
        else:
            self.counts.unschedulable += 1
            self.queue.unschedulable(key, self._clock.stamp_ns())
        self.counts.decide_ns += self._clock.stamp_ns() - started_ns
        if isinstance(outcome, Unschedulable):
            return _Refusal(pod, outcome.message)
        return _Placement(pod, key, outcome.node_name)

    async def _work(self) -> None:
        while True:
            outcome = await self._line.get()
            if isinstance(outcome, _Placement):
                await self._bind(outcome)
            else:
                await self._tell(outcome)

    async def _bind(self, placement: _Placement) -> None:
        pod, key, node_name = placement
        metadata = pod.metadata
        binding = core.Binding(
            metadata=ObjectMeta(name=key.name, namespace=key.namespace, uid=metadata.uid),
            target=core.ObjectReference(kind="Node", name=node_name),
        )
        try:
            await self._client.bind(key.namespace, binding)
        except (ApiError, TransportError) as error:
            # Refused (409: it has a node already; 404: it is gone), or nobody knows: forget it and
            # look again later; the cache will have the truth by then.
            self.counts.bind_failed += 1
            logger.debug("binding %s to %s failed: %s", key, node_name, error)
            freed = self.state.forget(metadata.uid)
            self.queue.failed(key, metadata.uid, self._clock.stamp_ns())
            if freed:  # if the pod is gone, its own removal finds nothing to give back any more
                self._moved()
            self._wake.set()
            return
        self.counts.bound += 1
        self._recorder.record(
            _reference(pod), "Scheduled", f"Successfully assigned {key} to {node_name}"
        )

    async def _tell(self, refusal: _Refusal) -> None:
        """Say why a pod has no node: an event, and its PodScheduled condition."""
        pod, message = refusal
        self._recorder.record(_reference(pod), "FailedScheduling", message, warning=True)
        if not _set_unscheduled(pod, message, int(self._clock.now().timestamp())):
            return
        try:
            await self._client.update_status(PODS, pod)
        except (ApiError, TransportError) as error:
            logger.debug("condition of %s not written: %s", pod.metadata.name, error)


class _NodeSink:
    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def added(self, new: CachedObject[core.Node]) -> None:
        self._scheduler.node_seen(new)

    def updated(self, old: CachedObject[core.Node], new: CachedObject[core.Node]) -> None:
        self._scheduler.node_seen(new)

    def deleted(self, last: CachedObject[core.Node]) -> None:
        self._scheduler.node_gone(last)


class _PodSink:
    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def added(self, new: CachedObject[core.Pod]) -> None:
        self._scheduler.pod_seen(new)

    def updated(self, old: CachedObject[core.Pod], new: CachedObject[core.Pod]) -> None:
        if old.uid != new.uid:
            self._scheduler.pod_gone(old)
        self._scheduler.pod_seen(new)

    def deleted(self, last: CachedObject[core.Pod]) -> None:
        self._scheduler.pod_gone(last)


def _reference(pod: core.Pod) -> core.ObjectReference:
    metadata = pod.metadata
    return core.ObjectReference(
        apiVersion=PODS.api_version,
        kind=PODS.kind,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        resourceVersion=metadata.resourceVersion,
    )


def _set_unscheduled(pod: core.Pod, message: str, now_s: int) -> bool:
    """Set PodScheduled=False; return whether the pod did not say just that already."""
    condition = next((c for c in pod.status.conditions if c.type == "PodScheduled"), None)
    if condition is None:
        condition = pod.status.conditions.add(type="PodScheduled")
    same = (condition.status, condition.reason, condition.message)
    if same == ("False", "Unschedulable", message):
        return False
    if condition.status != "False":
        condition.lastTransitionTime.CopyFrom(Time(seconds=now_s))
    condition.status, condition.reason, condition.message = "False", "Unschedulable", message
    return True
