"""A pod's life on a hollow node, as data: which stage is due, after what latency, to what effect.

The first stage that applies to a pod is the one that it is in; a pod that no stage applies to rests
(Running) or is done (Succeeded, Failed). A new behaviour (completion, crash, init containers) is
another row.

    bound, Pending ──start──▶ Running (rests)
          │                       │
          └── deletionTimestamp ──┴──remove──▶ DELETE with grace 0
"""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from cluster.client.interface import CachedObject
from cluster.kubelet.latency import NONE, Latency
from serialization.api.core.v1_pb2 import Pod


class Effect(StrEnum):
    """What a kubelet does at the end of a stage."""

    REPORT_RUNNING = "report-running"
    DELETE = "delete"


class Latencies(NamedTuple):
    """How long each stage lasts."""

    start: Latency = NONE
    """From seeing the pod to its containers running."""
    terminate: Latency = NONE
    """From seeing its deletion to its containers gone; never longer than its grace period."""


class PodState(NamedTuple):
    """What decides about a stage: read off an informer's header, without parsing the pod."""

    phase: str
    deleting: bool


class Stage(NamedTuple):
    """One row of the table."""

    name: str
    applies: Callable[[PodState], bool]
    duration_ns: Callable[[CachedObject[Pod], Latencies, random.Random], int]
    effect: Effect


def _is_deleting(state: PodState) -> bool:
    return state.deleting


def _is_pending(state: PodState) -> bool:
    return state.phase in {"", "Pending"}


def _start_ns(_pod: CachedObject[Pod], latencies: Latencies, chance: random.Random) -> int:
    return latencies.start.draw_ns(chance)


def _terminate_ns(pod: CachedObject[Pod], latencies: Latencies, chance: random.Random) -> int:
    drawn_ns = latencies.terminate.draw_ns(chance)
    if not drawn_ns:
        return 0
    return min(drawn_ns, pod.message().metadata.deletionGracePeriodSeconds * 10**9)


STAGES: Final = (
    Stage("remove", _is_deleting, _terminate_ns, Effect.DELETE),
    Stage("start", _is_pending, _start_ns, Effect.REPORT_RUNNING),
)


def stage_of(state: PodState) -> Stage | None:
    """Return the stage that a pod bound to this node is in, or None when it rests."""
    for stage in STAGES:
        if stage.applies(state):
            return stage
    return None
