"""Writes a pod's life into its status, whole; and takes a life up from a status.

Only what a kubelet owns is touched: conditions of others stay, and so does what the API server set.
Both ways are pure, and fit: a life that is taken up from what was written writes the same again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from cluster.kubelet.container_life import ContainerLife, Ending, Moment, Phase, Role
from cluster.kubelet.durations import format_duration
from cluster.kubelet.pod_conditions import Verdict, set_conditions
from cluster.kubelet.pod_life import PodLife, is_past
from cluster.kubelet.pod_status import Placing, image_id, place
from serialization.api.core.v1_pb2 import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    Pod,
)
from serialization.api.meta.v1_pb2 import Time

CRASH_LOOP: Final = "CrashLoopBackOff"

ContainerStatuses = RepeatedCompositeFieldContainer[ContainerStatus]


def write_life(pod: Pod, life: PodLife, placing: Placing) -> None:
    """Make a pod's status that of its life, conditions turning at ``placing.running_s``."""
    status = pod.status
    status.phase = life.phase
    status.ClearField("reason")
    status.ClearField("message")
    if life.reason:
        status.reason, status.message = life.reason, life.message
    place(status, placing)
    del status.initContainerStatuses[:]
    status.initContainerStatuses.extend(_status(container, life) for container in life.init)
    del status.containerStatuses[:]
    status.containerStatuses.extend(_status(container, life) for container in life.main)
    set_conditions(pod, _verdicts(life), placing.running_s)


def _verdicts(life: PodLife) -> dict[str, Verdict]:
    ready = _ready_verdict(life)
    return {
        "PodReadyToStartContainers": Verdict(is_true=not life.finished),
        "Initialized": _initialized_verdict(life),
        "Ready": ready,
        "ContainersReady": ready,
        "PodScheduled": Verdict(is_true=True),
    }


def _ready_verdict(life: PodLife) -> Verdict:
    if life.finished:
        reason = "PodCompleted" if life.phase == "Succeeded" else "PodFailed"
        return Verdict(is_true=False, reason=reason)
    unready = [container.name for container in life.serving if not container.ready]
    if unready:
        words = f"containers with unready status: [{' '.join(unready)}]"
        return Verdict(is_true=False, reason="ContainersNotReady", message=words)
    return Verdict(is_true=True)


def _initialized_verdict(life: PodLife) -> Verdict:
    if life.phase == "Succeeded":
        return Verdict(is_true=True, reason="PodCompleted")
    if life.started:
        return Verdict(is_true=True)
    open_ = [container.name for container in life.init if not is_past(container)]
    words = f"containers with incomplete status: [{' '.join(open_)}]"
    return Verdict(is_true=False, reason="ContainersNotInitialized", message=words)


def _status(container: ContainerLife, life: PodLife) -> ContainerStatus:
    running = container.phase is Phase.RUNNING
    done = container.role is Role.INIT and container.succeeded
    status = ContainerStatus(
        name=container.name,
        state=_state(container, life),
        lastState=_last_state(container),
        ready=container.ready or done,
        restartCount=container.restarts,
        image=container.image,
        imageID=image_id(container.image) if container.container_id else "",
        started=running,
    )
    if container.container_id:
        status.containerID = container.container_id
    return status


def _state(container: ContainerLife, life: PodLife) -> ContainerState:
    match container.phase:
        case Phase.RUNNING:
            running = ContainerStateRunning(startedAt=Time(seconds=container.started_s))
            return ContainerState(running=running)
        case Phase.ENDED if container.ended is not None:
            return _terminated(container.ended)
        case Phase.WAITING if container.waits_s:
            words = (
                f"back-off {format_duration(container.waits_s)} restarting failed "
                f"container={container.name} pod={life.name}"
            )
            return ContainerState(waiting=ContainerStateWaiting(reason=CRASH_LOOP, message=words))
        case Phase.WAITING if container.ended is not None:
            return _terminated(container.ended)
    reason = "PodInitializing" if life.init else "ContainerCreating"
    return ContainerState(waiting=ContainerStateWaiting(reason=reason))


def _last_state(container: ContainerLife) -> ContainerState:
    last = container.previous
    if container.phase is Phase.WAITING and container.waits_s:
        last = container.ended
    return ContainerState() if last is None else _terminated(last)


def _terminated(ending: Ending) -> ContainerState:
    reason = ending.reason or ("Error" if ending.exit_code else "Completed")
    return ContainerState(
        terminated=ContainerStateTerminated(
            exitCode=ending.exit_code,
            reason=reason,
            startedAt=Time(seconds=ending.started_s),
            finishedAt=Time(seconds=ending.finished_s),
            containerID=ending.container_id,
        )
    )


def take_over(pod: Pod, life: PodLife, now: Moment) -> None:
    """Take up a life where the status has it: what an earlier process of this node did.

    Runs that are under way go on as their script has them; what should have ended meanwhile is due.
    """
    status = pod.status
    if status.HasField("startTime"):
        life.seen_s = status.startTime.seconds
    life.learn_deadline(pod, now)
    if status.phase:
        life.phase = status.phase
    life.finished = life.phase in {"Succeeded", "Failed"}
    _take_over_all(life, life.init, status.initContainerStatuses, now)
    _take_over_all(life, life.main, status.containerStatuses, now)
    if status.containerStatuses and life.agrees(pod):  # else another has written into it meanwhile
        life.written = life.version


def _take_over_all(
    life: PodLife,
    containers: Sequence[ContainerLife],
    statuses: ContainerStatuses,
    now: Moment,
) -> None:
    by_name = {status.name: status for status in statuses}
    for container in containers:
        status = by_name.get(container.name)
        if status is not None:
            _take_over_one(life, container, status, now)


class _Ran(NamedTuple):
    """The endings that a container's status tells."""

    now: Ending | None
    before: Ending | None


def _take_over_one(
    life: PodLife, container: ContainerLife, status: ContainerStatus, now: Moment
) -> None:
    container.restarts = status.restartCount
    container.container_id = status.containerID
    ran = _Ran(_ending(status.state), _ending(status.lastState))
    if status.state.HasField("running"):
        container.phase = Phase.RUNNING
        container.started_s = status.state.running.startedAt.seconds
        container.previous = ran.before
        container.ready = status.ready
        container.resume(now, life.script)
    elif ran.now is not None:
        container.ended, container.previous = ran
        container.phase = Phase.ENDED
        if not life.finished and life.restarts_after(container, ran.now.exit_code):
            container.wait_on(now)
    elif ran.before is not None:
        container.ended = ran.before
        container.wait_on(now)


def _ending(state: ContainerState) -> Ending | None:
    if not state.HasField("terminated"):
        return None
    ended = state.terminated
    return Ending(
        ended.exitCode,
        ended.startedAt.seconds,
        ended.finishedAt.seconds,
        ended.containerID,
        ended.reason,
    )
