"""What replica controllers know of pods: which count, which are ready, which go first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from cluster.client.interface import ObjectKey
from serialization.api.core.v1_pb2 import Pod, PodTemplateSpec
from serialization.api.meta.v1_pb2 import OwnerReference

BURST_REPLICAS: Final = 500
"""Kubernetes' bound on creations or deletions in one sync."""

_PHASE_ORDER: Final = {"Pending": 0, "Unknown": 1, "Running": 2}
_NEVER: Final = 2**62


class PodFacts(NamedTuple):
    """What a replica controller reads of one pod; kept instead of the parsed message."""

    key: ObjectKey
    uid: str
    resource_version: str
    active: bool
    """Neither finished nor being deleted."""
    assigned: bool
    phase: str
    ready: bool
    ready_since_s: int
    """When Ready last turned, in Unix seconds; 0 when it is not ready."""
    restarts: int
    created_s: int


class ReplicaCounts(NamedTuple):
    """The counts of a replica controller's status."""

    replicas: int
    fully_labeled: int
    ready: int
    available: int
    available_in_s: int
    """When the next ready pod will have been so for long enough, from now; 0: none is waiting."""


def facts_of(pod: Pod) -> PodFacts:
    """Read a pod."""
    metadata, status = pod.metadata, pod.status
    ready, since_s = False, 0
    for condition in status.conditions:
        if condition.type == "Ready":
            ready = condition.status == "True"
            since_s = condition.lastTransitionTime.seconds if ready else 0
    return PodFacts(
        key=ObjectKey(metadata.namespace, metadata.name),
        uid=metadata.uid,
        resource_version=metadata.resourceVersion,
        active=status.phase not in {"Succeeded", "Failed"}
        and not metadata.HasField("deletionTimestamp"),
        assigned=bool(pod.spec.nodeName),
        phase=status.phase,
        ready=ready,
        ready_since_s=since_s,
        restarts=max((c.restartCount for c in status.containerStatuses), default=0),
        created_s=metadata.creationTimestamp.seconds,
    )


def _victim_rank(pod: PodFacts) -> tuple[int, int, int, int, int, int]:
    """Order by what is lost least: the first in line is deleted first."""
    return (
        int(pod.assigned),
        _PHASE_ORDER.get(pod.phase, 1),
        int(pod.ready),
        -(pod.ready_since_s if pod.ready else _NEVER),
        -pod.restarts,
        -pod.created_s,
    )


def victims(pods: Iterable[PodFacts], count: int) -> list[PodFacts]:
    """Return the ``count`` pods to delete first.

    Unassigned before assigned, Pending before Unknown before Running, not ready before ready,
    ready more recently, more restarts, newer. Source: reference/kubernetes.md section 2.
    """
    return sorted(pods, key=_victim_rank)[:count]


def slow_start(total: int) -> Iterator[int]:
    """Yield batch sizes 1, 2, 4, ... that add up to ``total``: a bad template costs one request."""
    batch = 1
    while total > 0:
        batch = min(batch, total)
        yield batch
        total -= batch
        batch *= 2


def count_replicas(
    pods: Iterable[PodFacts], fully_labeled: int, *, min_ready_s: int, now_s: int
) -> ReplicaCounts:
    """Count active pods: all, ready, and ready for at least ``min_ready_s`` seconds."""
    replicas = ready = available = 0
    next_s = _NEVER
    for pod in pods:
        replicas += 1
        if pod.ready:
            ready += 1
            if not min_ready_s or (since_s := pod.ready_since_s) + min_ready_s <= now_s:
                available += 1
            else:
                next_s = min(next_s, since_s)
    wait_s = next_s + min_ready_s - now_s if next_s != _NEVER else 0
    return ReplicaCounts(replicas, fully_labeled, ready, available, wait_s)


def pod_of_template(template: PodTemplateSpec, namespace: str, owner: OwnerReference) -> Pod:
    """Return the pod that a controller posts: the template, a generated name, its owner."""
    pod = Pod(spec=template.spec)
    metadata = pod.metadata
    metadata.namespace = namespace
    metadata.generateName = f"{owner.name}-"
    metadata.ownerReferences.append(owner)
    metadata.finalizers.extend(template.metadata.finalizers)
    for key, value in template.metadata.labels.items():
        metadata.labels[key] = value
    for key, value in template.metadata.annotations.items():
        metadata.annotations[key] = value
    return pod
