"""One hollow node: the pods bound to it and what is due for each. No requests are made here."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from cluster.client.events import Recorder
from cluster.client.interface import CachedObject, ObjectKey
from cluster.kubelet.addresses import PodAddresses, host_address
from cluster.kubelet.stages import Effect, Latencies, PodState, Stage, stage_of
from serialization.api.core.v1_pb2 import Node, Pod
from storage.clock import Clock


class PodTask(NamedTuple):
    """What the pod queue holds: a pod on one of this process's nodes."""

    node: int
    key: ObjectKey


class Due(NamedTuple):
    """A pod's present stage, and when it ends."""

    uid: str
    stage: Stage
    due_ns: int
    seen_s: int
    """When the pod was first seen here, Unix seconds."""

    @property
    def effect(self) -> Effect:
        """Return what to do then."""
        return self.stage.effect


class Habits(NamedTuple):
    """What all nodes of a process share."""

    latencies: Latencies
    clock: Clock
    chance: random.Random
    arrange: Callable[[PodTask, int], None]
    """Has a pod attended to after so many nanoseconds."""


class Place(NamedTuple):
    """Which node it is."""

    slot: int
    """Among those of this process."""
    number: int
    """Among all hollow nodes: its addresses follow from it."""
    name: str


class HollowNode:
    """A node's pods (an ``EventSink[Pod]``), and what is due for each."""

    def __init__(self, place: Place, habits: Habits, recorder: Recorder) -> None:
        self.index = place.slot
        self.number = place.number
        self.name = place.name
        self.host_ip = host_address(place.number)
        self.addresses = PodAddresses(place.number)
        self.recorder = recorder
        self.uid = ""
        """Of its Node, once registered."""
        self._habits = habits
        self._due: dict[ObjectKey, Due] = {}
        self.pods = 0

    def due(self, key: ObjectKey) -> Due | None:
        """Return the stage that a pod is in, or None when there is nothing to do for it."""
        return self._due.get(key)

    def done(self, key: ObjectKey, due: Due) -> None:
        """A stage's effect took place; the next one shows in an event."""
        if self._due.get(key) is due:
            del self._due[key]

    def added(self, new: CachedObject[Pod]) -> None:
        self.pods += 1
        if new.phase == "Running":  # it ran here before this process was started again
            self.addresses.observe(new.uid, new.message().status.podIP)
        self._look(new)

    def updated(self, old: CachedObject[Pod], new: CachedObject[Pod]) -> None:
        if old.uid != new.uid:
            self.addresses.release(old.uid)
        self._look(new)

    def deleted(self, last: CachedObject[Pod]) -> None:
        self.pods -= 1
        self._due.pop(last.key, None)
        self.addresses.release(last.uid)

    def _look(self, pod: CachedObject[Pod]) -> None:
        """Find out which stage a pod is in now, and have its end arranged if it is a new one."""
        habits = self._habits
        stage = stage_of(PodState(pod.phase, pod.deleting))
        before = self._due.get(pod.key)
        if before is not None and before.uid != pod.uid:
            before = None
        if stage is None:
            self._due.pop(pod.key, None)
            return
        if before is not None and before.stage is stage:
            return
        delay_ns = stage.duration_ns(pod, habits.latencies, habits.chance)
        seen_s = before.seen_s if before is not None else int(habits.clock.now().timestamp())
        self._due[pod.key] = Due(pod.uid, stage, habits.clock.stamp_ns() + delay_ns, seen_s)
        habits.arrange(PodTask(self.index, pod.key), delay_ns)


class NodeMirror:
    """The node's watch on itself: a kubelet holds one; here it only counts what it costs."""

    def __init__(self) -> None:
        self.events = 0

    def added(self, new: CachedObject[Node]) -> None:
        self.events += 1

    def updated(self, old: CachedObject[Node], new: CachedObject[Node]) -> None:
        self.events += 1

    def deleted(self, last: CachedObject[Node]) -> None:
        self.events += 1
