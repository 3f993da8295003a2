"""What a kubelet writes into the status of a pod whose containers run."""

from __future__ import annotations

import hashlib
import random
from typing import Final, NamedTuple

from serialization.api.core.v1_pb2 import (
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    HostIP,
    Pod,
    PodCondition,
    PodIP,
    PodStatus,
)
from serialization.api.meta.v1_pb2 import Time

RUNNING_CONDITIONS: Final = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
)


class Placing(NamedTuple):
    """Where a pod runs, and since when."""

    host_ip: str
    pod_ip: str
    seen_s: int
    """When the kubelet first saw it, Unix seconds."""
    running_s: int


def set_running(pod: Pod, placing: Placing, chance: random.Random) -> None:
    """Turn the pod's status into that of a pod all of whose containers run and are ready.

    Conditions that are True already keep their transition times; ``chance`` makes container ids.
    """
    status = pod.status
    status.phase = "Running"
    _set_conditions(status, placing.running_s)
    status.hostIP = placing.host_ip
    del status.hostIPs[:]
    status.hostIPs.append(HostIP(ip=placing.host_ip))
    status.podIP = placing.pod_ip
    del status.podIPs[:]
    status.podIPs.append(PodIP(ip=placing.pod_ip))
    if not status.HasField("startTime"):
        status.startTime.CopyFrom(Time(seconds=placing.seen_s))
    del status.containerStatuses[:]
    started = ContainerState(
        running=ContainerStateRunning(startedAt=Time(seconds=placing.running_s))
    )
    for container in pod.spec.containers:
        status.containerStatuses.append(
            ContainerStatus(
                name=container.name,
                state=started,
                lastState=ContainerState(),
                ready=True,
                restartCount=0,
                image=container.image,
                imageID=image_id(container.image),
                containerID=f"containerd://{chance.getrandbits(256):064x}",
                started=True,
            )
        )


def image_id(image: str) -> str:
    """Return the id that the image of this name has on every hollow node."""
    name = image.rpartition(":")[0] or image
    return f"{name}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def _set_conditions(status: PodStatus, now_s: int) -> None:
    before = {condition.type: condition for condition in status.conditions}
    after: list[PodCondition] = []
    for kind in RUNNING_CONDITIONS:
        condition = before.pop(kind, None)
        if condition is None or condition.status != "True":
            condition = PodCondition(
                type=kind, status="True", lastTransitionTime=Time(seconds=now_s)
            )
        after.append(condition)
    after.extend(before.values())  # conditions that others own stay
    kept = [_copy(condition) for condition in after]
    del status.conditions[:]
    status.conditions.extend(kept)


def _copy(condition: PodCondition) -> PodCondition:
    copy = PodCondition()
    copy.CopyFrom(condition)
    return copy
