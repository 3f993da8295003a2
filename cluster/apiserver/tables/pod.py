"""How pods are shown: above all, the one word that sums up their state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from cluster.apiserver.tables.interface import AGE, NAME, NONE, Cell, Column, age
from serialization.api.core.v1_pb2 import ContainerStateTerminated, ContainerStatus, Pod
from serialization.api.meta.v1_pb2 import Time


class _Restarts(NamedTuple):
    times: int
    ended: Time
    """When the run before the last restart ended; unset where none is told."""

    def text(self, now: datetime) -> str:
        if self.times and self.ended.seconds:
            return f"{self.times} ({age(self.ended, now)} ago)"
        return str(self.times)


class _State(NamedTuple):
    word: str
    ready: int
    restarts: _Restarts


class PodPrinter:
    """Name, readiness, state, restarts, age; wide: address, node, gates."""

    columns = (
        NAME,
        Column("Ready"),
        Column("Status"),
        Column("Restarts"),
        AGE,
        Column("IP", priority=1),
        Column("Node", priority=1),
        Column("Nominated Node", priority=1),
        Column("Readiness Gates", priority=1),
    )

    def cells(self, obj: Pod, now: datetime) -> list[Cell]:
        state = _state(obj)
        sidecars = _sidecars(obj)
        return [
            obj.metadata.name,
            f"{state.ready}/{len(obj.spec.containers) + len(sidecars)}",
            state.word,
            state.restarts.text(now),
            age(obj.metadata.creationTimestamp, now),
            obj.status.podIP or NONE,
            obj.spec.nodeName or NONE,
            obj.status.nominatedNodeName or NONE,
            _gates(obj),
        ]


def completion(pod: Pod) -> list[dict[str, str]]:
    """Return the condition of a row whose pod is through; kubectl can leave such rows out."""
    message = _COMPLETED.get(pod.status.phase)
    if message is None:
        return []
    reason = pod.status.phase
    return [{"type": "Completed", "status": "True", "reason": reason, "message": message}]


_COMPLETED: Final = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


def _sidecars(pod: Pod) -> set[str]:
    return {each.name for each in pod.spec.initContainers if each.restartPolicy == "Always"}


def _gates(pod: Pod) -> str:
    gates = pod.spec.readinessGates
    if not gates:
        return NONE
    true = {each.type for each in pod.status.conditions if each.status == "True"}
    return f"{sum(gate.conditionType in true for gate in gates)}/{len(gates)}"


def _state(pod: Pod) -> _State:
    word = pod.status.reason or pod.status.phase
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.reason == "SchedulingGated":
            word = "SchedulingGated"
    initializing = _initializing(pod)
    state = initializing if initializing is not None else _running(pod, word)
    if pod.metadata.HasField("deletionTimestamp"):
        if pod.status.reason == "NodeLost":
            return state._replace(word="Unknown")
        if pod.status.phase not in {"Succeeded", "Failed"}:
            return state._replace(word="Terminating")
    return state


def _initializing(pod: Pod) -> _State | None:
    """Return the state of a pod whose init containers are not through, or None."""
    statuses = pod.status.initContainerStatuses
    if not statuses or any(
        each.type == "Initialized" and each.status == "True" for each in pod.status.conditions
    ):
        return None
    sidecars = _sidecars(pod)
    ready = 0
    for index, status in enumerate(statuses):
        state = status.state
        if state.HasField("terminated") and state.terminated.exitCode == 0:
            continue
        if status.name in sidecars and status.started:
            ready += status.ready
            continue
        word = f"{index}/{len(pod.spec.initContainers)}"
        if state.HasField("terminated"):
            word = _ended(state.terminated)
        elif state.waiting.reason and state.waiting.reason != "PodInitializing":
            word = state.waiting.reason
        return _State(f"Init:{word}", ready, _restarts(statuses[: index + 1]))
    return None


def _running(pod: Pod, word: str) -> _State:
    sidecars = _sidecars(pod)
    beside = [each for each in pod.status.initContainerStatuses if each.name in sidecars]
    ready = sum(each.ready for each in beside)
    running = False
    for status in reversed(pod.status.containerStatuses):
        state = status.state
        if state.waiting.reason:
            word = state.waiting.reason
        elif state.HasField("terminated"):
            word = _ended(state.terminated)
        elif status.ready and state.HasField("running"):
            running = True
            ready += 1
    if word == "Completed" and running:
        is_ready = any(
            each.type == "Ready" and each.status == "True" for each in pod.status.conditions
        )
        word = "Running" if is_ready else "NotReady"
    return _State(word, ready, _restarts([*beside, *pod.status.containerStatuses]))


def _restarts(statuses: Iterable[ContainerStatus]) -> _Restarts:
    """Return how often containers were restarted, and when the latest of their runs ended."""
    count, ended = 0, Time()
    for status in statuses:
        if not status.restartCount:
            continue
        count += status.restartCount
        finished = status.lastState.terminated.finishedAt
        if finished.seconds > ended.seconds:
            ended = finished
    return _Restarts(count, ended)


def _ended(terminated: ContainerStateTerminated) -> str:
    if terminated.reason:
        return terminated.reason
    if terminated.signal:
        return f"Signal:{terminated.signal}"
    return f"ExitCode:{terminated.exitCode}"
