"""A pod's life on a hollow node, as data: which stage is due, after what latency, to what effect.

The first stage that applies to a pod is the one that it is in; a pod that no stage applies to rests
(Running) or is done (Succeeded, Failed). Most pods only start and run; those to which more happens
have a life of their own (``pod_life``), which says by itself when it is due.

    bound, Pending ──start──▶ Running (rests) ◀──restore── Running, told not Ready by another
          │                       │
          │   lively: ──live──▶ as its life has it ──▶ Succeeded, Failed
          │                       │
          └── deletionTimestamp ──┴──remove──▶ DELETE with grace 0
"""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from cluster.kubelet.latency import NONE, Latency


class Effect(StrEnum):
    """What a kubelet does at the end of a stage."""

    REPORT_RUNNING = "report-running"
    ADVANCE = "advance"
    """Let happen what is due in the pod's life, and tell the API."""
    DELETE = "delete"


class Latencies(NamedTuple):
    """How long each stage lasts."""

    start: Latency = NONE
    """From seeing the pod to its containers running."""
    terminate: Latency = NONE
    """From seeing its deletion to its containers gone; never longer than its grace period."""


class PodState(NamedTuple):
    """What decides about a stage."""

    phase: str
    deleting: bool
    lively: bool = False
    """More happens to it than start and deletion."""
    unready: bool = False
    """Its Ready condition is not True."""


class Stage(NamedTuple):
    """One row of the table."""

    name: str
    applies: Callable[[PodState], bool]
    duration_ns: Callable[[Latencies, random.Random], int]
    effect: Effect


def _is_deleting(state: PodState) -> bool:
    return state.deleting


def _is_live(state: PodState) -> bool:
    return state.lively and state.phase not in {"Succeeded", "Failed"}


def _is_pending(state: PodState) -> bool:
    return state.phase in {"", "Pending"}


def _is_unready(state: PodState) -> bool:
    return state.unready and state.phase == "Running"


def _start_ns(latencies: Latencies, chance: random.Random) -> int:
    return latencies.start.draw_ns(chance)


def _terminate_ns(latencies: Latencies, chance: random.Random) -> int:
    return latencies.terminate.draw_ns(chance)


def _at_once(_latencies: Latencies, _chance: random.Random) -> int:
    return 0


STAGES: Final = (
    Stage("remove", _is_deleting, _terminate_ns, Effect.DELETE),
    Stage("live", _is_live, _at_once, Effect.ADVANCE),
    Stage("start", _is_pending, _start_ns, Effect.REPORT_RUNNING),
    Stage("restore", _is_unready, _at_once, Effect.REPORT_RUNNING),
)


def stage_of(state: PodState) -> Stage | None:
    """Return the stage that a pod bound to this node is in, or None when it rests."""
    for stage in STAGES:
        if stage.applies(state):
            return stage
    return None


def stop_delay_ns(drawn_ns: int, grace_s: int, left_ns: int | None = None) -> int:
    """Return how long a pod takes to stop: what was drawn, but never longer than its grace.

    ``left_ns`` is what is left of the grace where the deletion was seen late.
    """
    longest_ns = grace_s * 10**9 if left_ns is None else min(left_ns, grace_s * 10**9)
    return max(min(drawn_ns, longest_ns), 0)
