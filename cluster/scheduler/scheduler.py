"""The scheduler at work: sinks feed the model and the queue, one loop decides, workers bind.

A decision is synchronous: pop, choose, assume. Its consequence (binding, or telling why not) goes
into a bounded line that ``BINDERS`` workers empty, so many bindings are in flight at once and the
loop stops deciding when the API server cannot follow.
"""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import dataclass
from typing import Final

from cluster.client.events import Recorder
from cluster.client.interface import ApiClient, CachedObject, InformerSource, ObjectKey
from cluster.client.sink import Sink
from cluster.scheduler.decision import Chosen, Decider, Unschedulable
from cluster.scheduler.filters.registry import FILTERS
from cluster.scheduler.groups import PodGroups
from cluster.scheduler.needs import FactsReader
from cluster.scheduler.outcomes import Outcomes, Placement, Refusal
from cluster.scheduler.queue import SchedulingQueue
from cluster.scheduler.scores.registry import RELATIVE_SCORES, SCORES
from cluster.scheduler.sinks import follow_selectors
from cluster.scheduler.state import ClusterState
from cluster.scheduler.volumes import ClaimedVolumes
from serialization.api.core import v1_pb2 as core
from serialization.kinds import NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS
from storage.clock import Clock

BINDERS: Final = 64
SLICE_NS: Final = 5_000_000
"""How long it decides without letting the loop do anything else."""
NAMES: Final = ("", "default-scheduler")
FINISHED: Final = ("Succeeded", "Failed")


@dataclass(slots=True)
class SchedulerCounts:
    """What it did so far."""

    decided: int = 0
    decide_ns: int = 0
    """Time spent choosing, reading the pod included."""
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
        self._clock = clock
        claims = informers.informer(PERSISTENT_VOLUME_CLAIMS, core.PersistentVolumeClaim)
        volumes = informers.informer(PERSISTENT_VOLUMES, core.PersistentVolume)
        self._reader = FactsReader(ClaimedVolumes(claims.lister, volumes.lister))
        self.state = ClusterState()
        self.groups = PodGroups()
        self.queue = SchedulingQueue()
        self.counts = SchedulerCounts()
        self.decider = Decider(
            self.state,
            tuple(FILTERS.values()),
            tuple(SCORES.values()),
            chance,
            relative=tuple(RELATIVE_SCORES.values()),
        )
        self.outcomes = Outcomes(client, recorder, clock, self._bind_failed)
        self._wake = asyncio.Event()
        self._line: asyncio.Queue[Placement | Refusal] = asyncio.Queue(BINDERS)
        self._nodes = informers.informer(NODES, core.Node)
        self._pods = informers.informer(PODS, core.Pod)
        selectors = follow_selectors(informers, self.groups)
        self._synced = (self._nodes, self._pods, claims, volumes, *selectors)
        self._nodes.subscribe(Sink(self.node_seen, self.node_gone))
        self._pods.subscribe(_PodSink(self))
        claims.subscribe(Sink(self._claim_moved, self._claim_moved))
        volumes.subscribe(Sink(self._volume_moved, self._volume_moved))

    async def run(self) -> None:
        """Schedule until cancelled."""
        await self.wait_synced()
        async with asyncio.TaskGroup() as group:
            for _ in range(BINDERS):
                group.create_task(self._work())
            await self._decide_forever()

    async def wait_synced(self) -> None:
        """Return once everything that decisions look at is known."""
        for informer in self._synced:
            await informer.wait_synced()

    def node_seen(self, node: CachedObject[core.Node]) -> None:
        """A node appeared or changed."""
        if self.state.set_node(self._reader.node(node.peek())):
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
            self._leave(pod.uid)
            return
        if not self.state.confirmed_on(pod.uid, pod.node_name):
            self.groups.remove(pod.uid, self.state.node_of(pod.uid))
            self.state.observe(pod.uid, pod.node_name, self._reader.needs(pod.peek()))
            self.groups.place(pod.uid, pod.key.namespace, pod.labels, pod.node_name)
        if pod.deleting:  # it still takes room, but nothing spreads away from it
            self.groups.remove(pod.uid, pod.node_name)

    def pod_changed(self, old: CachedObject[core.Pod], new: CachedObject[core.Pod]) -> None:
        """A pod changed: one that waits for a node may have been given another toleration."""
        if (
            not new.node_name
            and not new.deleting
            and (old.labels != new.labels or old.peek().spec != new.peek().spec)
        ):
            self.queue.changed(new.key, self._clock.stamp_ns())
            self._wake.set()
        self.pod_seen(new)

    def pod_gone(self, pod: CachedObject[core.Pod]) -> None:
        """A pod was removed."""
        self.queue.remove(pod.key)
        self._leave(pod.uid)

    def _leave(self, uid: str) -> None:
        """Stop counting a pod; what it gives back may do for another."""
        self.groups.remove(uid, self.state.node_of(uid))
        if self.state.remove_pod(uid):
            self._moved()

    def _claim_moved(self, _claim: CachedObject[core.PersistentVolumeClaim]) -> None:
        """A claim changed: pods that wait for it get another try."""
        self._moved()

    def _volume_moved(self, _volume: CachedObject[core.PersistentVolume]) -> None:
        """A volume changed: so does what its claim's pods ask for."""
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
        # In whole milliseconds: uvloop's clock moves in them, a fraction makes its timer spin.
        if next_ns is None:
            await self._wake.wait()
            return
        delay_s = math.ceil(max(next_ns - now_ns, 0) / 1e6) / 1e3
        try:
            async with asyncio.timeout(delay_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def decide(self, key: ObjectKey) -> Placement | Refusal | None:
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
        alike = self.groups.counts(key.namespace, cached.labels)
        outcome = self.decider.choose(needs, alike)
        self.counts.decided += 1
        if isinstance(outcome, Chosen):
            self.state.assume(cached.uid, outcome.node_name, needs)
            self.groups.place(cached.uid, key.namespace, cached.labels, outcome.node_name)
        else:
            self.counts.unschedulable += 1
            self.queue.unschedulable(key, self._clock.stamp_ns())
        self.counts.decide_ns += self._clock.stamp_ns() - started_ns
        if isinstance(outcome, Unschedulable):
            return Refusal(pod, outcome.message)
        return Placement(pod, key, outcome.node_name)

    async def _work(self) -> None:
        while True:
            await self.outcomes.carry_out(await self._line.get())

    def _bind_failed(self, placement: Placement) -> None:
        """Take an assumption back, and try the pod again later."""
        uid = placement.pod.metadata.uid
        self.counts.bind_failed += 1
        if self.state.is_assumed(uid):  # one that was seen bound meanwhile stays
            self.groups.remove(uid, placement.node_name)
        freed = self.state.forget(uid)
        self.queue.failed(placement.key, uid, self._clock.stamp_ns())
        if freed:  # if the pod is gone, its own removal finds nothing to give back any more
            self._moved()
        self._wake.set()


class _PodSink(Sink[core.Pod]):
    """Tells a change as one, and what was made again unnoticed as a removal and an arrival."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler.pod_seen, scheduler.pod_gone)
        self._scheduler = scheduler

    def updated(self, old: CachedObject[core.Pod], new: CachedObject[core.Pod]) -> None:
        if old.uid == new.uid:
            self._scheduler.pod_changed(old, new)
        else:
            super().updated(old, new)
