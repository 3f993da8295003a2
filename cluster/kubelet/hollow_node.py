"""One hollow node: the pods bound to it and what is due for each. No requests are made here."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from cluster.client.events import Recorder
from cluster.client.interface import CachedObject, Lister, ObjectKey
from cluster.kubelet.addresses import PodAddresses
from cluster.kubelet.behaviour import Behaviour, Script, annotated, is_lively, says_something
from cluster.kubelet.container_life import NEVER, Moment
from cluster.kubelet.life_status import take_over
from cluster.kubelet.pod_conditions import ready_condition
from cluster.kubelet.pod_life import PodLife, stopping
from cluster.kubelet.reporting import report
from cluster.kubelet.stages import (
    Effect,
    Latencies,
    PodState,
    Stage,
    stage_of,
    stop_delay_ns,
)
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
    grace_s: int = 0
    """Of a pod that is being deleted: the grace that was given last."""

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
    behaviour: Behaviour = Behaviour()
    seed: int = 0
    """Of what containers do."""

    def now(self) -> Moment:
        """Return the time on both clocks."""
        return Moment(self.clock.stamp_ns(), int(self.clock.now().timestamp()))


class Place(NamedTuple):
    """Which node it is."""

    slot: int
    """Among those of this process."""
    number: int
    """Among all hollow nodes: its pods' addresses follow from it."""
    name: str
    host_ip: str


class HollowNode:
    """A node's pods (an ``EventSink[Pod]``), and what is due for each."""

    def __init__(self, place: Place, habits: Habits, recorder: Recorder) -> None:
        self.index = place.slot
        self.number = place.number
        self.name = place.name
        self.host_ip = place.host_ip
        self.addresses = PodAddresses(place.number)
        self.recorder = recorder
        self.uid = ""
        """Of its Node, once registered."""
        self.lister: Lister[Pod] | None = None
        """The node's pods as its watch has them, once it has one."""
        self.lives: dict[ObjectKey, PodLife] = {}
        """Of the pods to which more happens than start and deletion."""
        self.followers: dict[ObjectKey, list[Callable[[], None]]] = {}
        """Who is called whenever a pod changes."""
        self._habits = habits
        self._quiet = habits.behaviour.quiet
        self._due: dict[ObjectKey, Due] = {}
        self.pods = 0

    def due(self, key: ObjectKey) -> Due | None:
        """Return the stage that a pod is in, or None when there is nothing to do for it."""
        return self._due.get(key)

    def done(self, key: ObjectKey, due: Due) -> None:
        """A stage's effect took place; the next one shows in an event."""
        if self._due.get(key) is due:
            del self._due[key]

    def go_on(self, key: ObjectKey, due: Due, due_ns: int) -> None:
        """A stage goes on: attend to the pod again at ``due_ns``."""
        if self._due.get(key) is due:
            self._due[key] = due._replace(due_ns=due_ns)
            if due_ns < NEVER:
                delay_ns = max(due_ns - self._habits.clock.stamp_ns(), 0)
                self._habits.arrange(PodTask(self.index, key), delay_ns)

    def pod(self, key: ObjectKey) -> Pod | None:
        """Return a pod of this node as its watch has it, or None."""
        found = self.lister.get(key) if self.lister is not None else None
        return None if found is None else found.message()

    def added(self, new: CachedObject[Pod]) -> None:
        self.pods += 1
        pod = new.message()
        if pod.status.podIP:  # it ran here before this process was started again
            self.addresses.observe(new.uid, pod.status.podIP)
        self._look(new, pod, fresh=True)

    def updated(self, old: CachedObject[Pod], new: CachedObject[Pod]) -> None:
        if old.uid != new.uid:
            self._forget(old)
        self._look(new, new.message(), fresh=False)
        self._tell_followers(new.key)

    def deleted(self, last: CachedObject[Pod]) -> None:
        self.pods -= 1
        self._forget(last)
        self._tell_followers(last.key)

    def _forget(self, pod: CachedObject[Pod]) -> None:
        self._due.pop(pod.key, None)
        self.lives.pop(pod.key, None)
        self.addresses.release(pod.uid)

    def _tell_followers(self, key: ObjectKey) -> None:
        for wake in self.followers.get(key, ()) if self.followers else ():
            wake()

    def _look(self, pod: CachedObject[Pod], message: Pod, *, fresh: bool) -> None:
        """Find out which stage a pod is in now, and have its end arranged if it is a new one."""
        key, habits = pod.key, self._habits
        stage = stage_of(self._state(pod, message, fresh=fresh))
        before = self._due.get(key)
        if stage is None:
            self._due.pop(key, None)
            self.lives.pop(key, None)
            return
        if before is not None and before.stage is stage:
            self._look_again(pod, message, before)
            return
        now = habits.now()
        delay_ns = stage.duration_ns(habits.latencies, habits.chance)
        seen_s = before.seen_s if before is not None else now.s
        due = Due(pod.uid, stage, now.ns + delay_ns, seen_s)
        if stage.effect is Effect.DELETE:
            due, delay_ns = self._stop(message, due, now, fresh=fresh)
        elif stage.effect is Effect.ADVANCE:
            self.lives[key] = self._life(message, now)
        self._due[key] = due
        habits.arrange(PodTask(self.index, key), delay_ns)

    def _state(self, pod: CachedObject[Pod], message: Pod, *, fresh: bool) -> PodState:
        """Read off a pod what decides about its stage (hot: at each event of every pod)."""
        phase = pod.phase
        if pod.deleting:
            return PodState(phase, deleting=True)
        lively = not self._quiet or pod.key in self.lives
        if phase != "Running":
            return PodState(phase, deleting=False, lively=lively or is_lively(message))
        # What runs and has no life is plain by its spec, of which little can still change.
        lively = lively or (is_lively if fresh else says_something)(message)
        unready = not lively and ready_condition(message) != "True"
        return PodState(phase, deleting=False, lively=lively, unready=unready)

    def _look_again(self, pod: CachedObject[Pod], message: Pod, before: Due) -> None:
        """Take note of what changed about a pod whose stage goes on."""
        if before.effect is Effect.DELETE:
            grace_s = message.metadata.deletionGracePeriodSeconds
            # Never due: it has been removed, and this is the last that is heard of it.
            if grace_s < before.grace_s and before.due_ns < NEVER:  # deleted with a shorter grace
                due_ns = self._habits.clock.stamp_ns() + grace_s * 10**9
                # What is due is under way: what is seen may be our own DELETE's first write.
                if due_ns < before.due_ns:
                    self.go_on(pod.key, before, due_ns)
        elif before.effect is Effect.ADVANCE:
            life, now = self.lives[pod.key], self._habits.now()
            if annotated(message) != life.script.said:
                life.learn(self._script(message), now)
            elif life.learn_deadline(message, now):
                pass
            elif life.written != life.version or life.agrees(message):
                return
            else:
                life.version += 1  # another one wrote into the status: it is told again
            self.go_on(pod.key, before, now.ns)

    def _stop(self, message: Pod, due: Due, now: Moment, *, fresh: bool) -> tuple[Due, int]:
        """Begin to stop a pod: its containers are told, and have their grace."""
        metadata = message.metadata
        grace_s = metadata.deletionGracePeriodSeconds
        # A deletion that is news has all of its grace; whole seconds would cut it short.
        left_ns = now.from_seconds(metadata.deletionTimestamp.seconds) - now.ns if fresh else None
        delay_ns = stop_delay_ns(due.due_ns - now.ns, grace_s, left_ns)
        report(
            self.recorder,
            message,
            [
                stopping(container.name, f"spec.containers{{{container.name}}}")
                for container in message.status.containerStatuses
                if container.state.HasField("running")
            ],
        )
        return due._replace(due_ns=now.ns + delay_ns, grace_s=grace_s), delay_ns

    def _life(self, message: Pod, now: Moment) -> PodLife:
        habits = self._habits
        starts_ns = now.ns + habits.latencies.start.draw_ns(habits.chance)
        life = PodLife(message, self._script(message), now, starts_ns)
        take_over(message, life, now)
        return life

    def _script(self, message: Pod) -> Script:
        return Script(self._habits.behaviour, self._habits.seed, message)


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
