"""What a hollow container would have written to its log: it follows from the pod's status alone.

A run tells its start, when its pod became ready, its end, and, if asked for by the annotation
``kubedyno.dev/log-every`` (``1s``), that it is alive. The same status gives the same text, in any
process and at any later time; only what is newer comes behind it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cluster.kubelet.behaviour import annotated
from cluster.kubelet.durations import parse_duration_ms
from serialization.api.core.v1_pb2 import (
    ContainerState,
    ContainerStateTerminated,
    ContainerStatus,
    Pod,
)
from serialization.times import format_time

LINES_MAX: Final = 10_000
"""Older lines are gone, as from a log that was rotated."""
NO_END: Final = 1 << 62


class LogError(Exception):
    """There is no such log: an HTTP code, and why."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Line(NamedTuple):
    """One line, without its end."""

    at_s: int
    text: str

    def encode(self, *, timestamps: bool) -> bytes:
        """Return it as bytes, with its end."""
        if not timestamps:
            return f"{self.text}\n".encode()
        return f"{format_time(self.at_s)[:-1]}.000000000Z {self.text}\n".encode()


class RunRecord(NamedTuple):
    """One run of a container, as the pod's status tells it."""

    container_id: str
    name: str
    number: int
    started_s: int
    ready_s: int | None = None
    ended: ContainerStateTerminated | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.ended is not None


def container_status(pod: Pod, container: str) -> ContainerStatus | None:
    """Return the status of a container, init containers included; None before there is one."""
    status = pod.status
    for each in (*status.containerStatuses, *status.initContainerStatuses):
        if each.name == container:
            return each
    return None


def find_run(pod: Pod, container: str, *, previous: bool) -> RunRecord:
    """Return the run whose log is meant. Raises LogError, in a kubelet's words."""
    named = f'"{container}" in pod "{pod.metadata.name}"'
    status = container_status(pod, container)
    if status is None:
        raise LogError(400, f"container {named} is not available")
    if previous:
        if not status.lastState.HasField("terminated"):
            raise LogError(400, f"previous terminated container {named} not found")
        waits = status.state.HasField("waiting")  # the restart is counted when it takes place
        return _ended(status, status.lastState, status.restartCount - (not waits))
    if status.state.HasField("running"):
        return RunRecord(
            status.containerID,
            container,
            status.restartCount,
            status.state.running.startedAt.seconds,
            _ready_s(pod) if status.ready else None,
        )
    if status.state.HasField("terminated"):
        return _ended(status, status.state, status.restartCount)
    if status.lastState.HasField("terminated"):
        return _ended(status, status.lastState, status.restartCount)
    reason = status.state.waiting.reason or "no logs yet"
    raise LogError(400, f"container {named} is waiting to start: {reason}")


def _ended(status: ContainerStatus, state: ContainerState, number: int) -> RunRecord:
    ended = state.terminated
    started_s = ended.startedAt.seconds
    return RunRecord(ended.containerID, status.name, max(number, 0), started_s, ended=ended)


def _ready_s(pod: Pod) -> int | None:
    for condition in pod.status.conditions:
        if condition.type == "ContainersReady" and condition.status == "True":
            return condition.lastTransitionTime.seconds
    return None


def transcript(pod: Pod, run: RunRecord, now_s: int, since_s: int = 0) -> list[Line]:
    """Return what a run has written by now, from ``since_s`` on; the last ``LINES_MAX`` lines."""
    key = f"{pod.metadata.namespace}/{pod.metadata.name}"
    end_s = run.ended.finishedAt.seconds if run.ended is not None else now_s
    begun = f"{run.name} of {key} started on {pod.spec.nodeName}, run {run.number + 1}"
    lines = [Line(run.started_s, begun)]
    if run.ready_s is not None:
        lines.append(Line(max(run.ready_s, run.started_s), f"{run.name} is ready"))
    every_s = alive_every_s(pod, run.name)
    if every_s:
        last = (end_s - run.started_s) // every_s
        first = max((since_s - 1 - run.started_s) // every_s, last - LINES_MAX, 0)
        lines += [
            Line(run.started_s + count * every_s, f"alive for {count * every_s} s")
            for count in range(first + 1, last + 1)
        ]
        lines.sort(key=lambda line: line.at_s)
    if run.ended is not None:
        verb = "failed" if run.ended.exitCode else "completed"
        lines.append(Line(end_s, f"{run.name} {verb} with exit code {run.ended.exitCode}"))
    return [line for line in lines if line.at_s >= since_s][-LINES_MAX:]


def alive_every_s(pod: Pod, container: str) -> int:
    """Return how often a container says that it is alive, in whole seconds; 0: it does not."""
    said = annotated(pod)
    text = said.get(f"log-every.{container}") or said.get("log-every", "")
    try:
        return int(parse_duration_ms(text) // 1000) if text else 0
    except ValueError:
        return 0
