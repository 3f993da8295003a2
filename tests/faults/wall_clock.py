"""Wall clocks that are set, and which time a TTL goes by then."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from storage.clock import Clock
from tests.faults.records import Acknowledged, Begun, Entry, Told
from tests.faults.rules import Violation


class SteppedClock:
    """Another clock, whose wall time can be set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.step_s = 0.0
        """Added to the wall time."""

    def stamp_ns(self) -> int:
        return self._clock.stamp_ns()

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.step_s)


class Step(NamedTuple):
    """From then on, the clock that TTLs go by is so far from true time."""

    at_s: float
    off_s: float


class Life(NamedTuple):
    """A key with a TTL, in true time."""

    key: bytes
    ttl_s: float
    sent_s: float
    acknowledged_s: float
    ended_s: float | None
    """None: it was there at the end."""


def off_at(steps: Sequence[Step], at_s: float) -> float:
    """Return how far the clock is off at a time."""
    return next((step.off_s for step in reversed(steps) if step.at_s <= at_s), 0.0)


def ends_at(steps: Sequence[Step], from_s: float, ttl_s: float, *, noticed_s: float = 0.0) -> float:
    """Return from when a clock, set at ``steps``, reads ``ttl_s`` more than it did at a time.

    And does so for ``noticed_s`` without a break: else nobody may have looked.
    """
    due_s = from_s + off_at(steps, from_s) + ttl_s
    borders = [from_s, *(each.at_s for each in steps if each.at_s > from_s), math.inf]
    since_s: float | None = None
    for start_s, end_s in itertools.pairwise(borders):
        reads_s = max(start_s, due_s - off_at(steps, start_s))
        if reads_s >= end_s:
            since_s = None
            continue
        if since_s is None or reads_s > start_s:
            since_s = reads_s
        if end_s - since_s > noticed_s:
            return since_s
    raise AssertionError("the last stretch has no end")


def judge(
    lives: Sequence[Life], steps: Sequence[Step], *, now_s: float, grace_s: float
) -> list[Violation]:
    """Return which keys ended before their time, or were there ``grace_s`` after it."""
    found = []
    for life in lives:
        first_s = ends_at(steps, life.sent_s, life.ttl_s)
        last_s = grace_s + max(
            ends_at(steps, from_s, life.ttl_s, noticed_s=grace_s)
            for from_s in (life.sent_s, life.acknowledged_s)
        )
        if life.ended_s is not None and life.ended_s < first_s - 0.002:
            what = f"{life} ended before {first_s:.3f} (clock: {list(steps)})"
            found.append(Violation("lives", what))
        if (now_s if life.ended_s is None else life.ended_s) > last_s:
            found.append(Violation("lives", f"{life} outlived {last_s:.3f} (clock: {list(steps)})"))
    return found


def lives_in(entries: Sequence[Entry], story: str = "all") -> list[Life]:
    """Return the keys with a TTL that entries tell of."""
    done = {each.number: each.at_ns for each in entries if isinstance(each, Acknowledged)}
    ended = {
        each.key: each.at_ns / 1e9
        for each in entries
        if isinstance(each, Told) and each.value is None and each.story == story
    }
    return [
        Life(
            each.parts[0].key,
            each.ttl_s,
            each.at_ns / 1e9,
            done[each.number] / 1e9,
            ended.get(each.parts[0].key),
        )
        for each in entries
        if isinstance(each, Begun) and each.ttl_s and each.number in done
    ]
