"""What a kubelet writes into the status of a pod whose containers run: nearly all of them."""

from __future__ import annotations

import hashlib
import random
from typing import NamedTuple

from cluster.kubelet.pod_conditions import ALL_TRUE, set_conditions
from cluster.kubelet.pod_life import new_container_id
from serialization.api.core.v1_pb2 import (
    ContainerState,
    ContainerStateRunning,
    HostIP,
    Pod,
    PodIP,
    PodStatus,
)
from serialization.api.meta.v1_pb2 import Time


class Placing(NamedTuple):
    """Where a pod runs, and since when."""

    host_ip: str
    pod_ip: str
    seen_s: int
    """When the kubelet first saw it, Unix seconds."""
    running_s: int


def set_running(pod: Pod, placing: Placing, chance: random.Random) -> None:
    """Turn the pod's status into that of a pod all of whose containers run and are ready.

    Conditions that are True already keep their transition times, and containers that run already
    their statuses; ``chance`` makes the ids of the others.
    """
    status = pod.status
    status.phase = "Running"
    set_conditions(pod, ALL_TRUE, placing.running_s)
    place(status, placing)
    statuses = status.containerStatuses
    if statuses and all(each.state.HasField("running") for each in statuses):
        for each in statuses:
            each.ready = each.started = True
        return
    started = ContainerState(
        running=ContainerStateRunning(startedAt=Time(seconds=placing.running_s))
    )
    del statuses[:]
    for container in pod.spec.containers:
        statuses.add(
            name=container.name,
            state=started,
            lastState=ContainerState(),
            ready=True,
            restartCount=0,
            image=container.image,
            imageID=image_id(container.image),
            containerID=new_container_id(chance),
            started=True,
        )


def place(status: PodStatus, placing: Placing) -> None:
    """Set where a pod runs, and when its kubelet first saw it."""
    status.hostIP = placing.host_ip
    del status.hostIPs[:]
    status.hostIPs.append(HostIP(ip=placing.host_ip))
    if placing.pod_ip:
        status.podIP = placing.pod_ip
        del status.podIPs[:]
        status.podIPs.append(PodIP(ip=placing.pod_ip))
    if not status.HasField("startTime"):
        status.startTime.CopyFrom(Time(seconds=placing.seen_s))


def image_id(image: str) -> str:
    """Return the id that the image of this name has on every hollow node."""
    name = image.rpartition(":")[0] or image
    return f"{name}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
