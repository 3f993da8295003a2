"""How fast nodes may be emptied: by zone, by how much of a zone is down; pure.

A node that is not heard of may be dead, or cut off, or it is us who are cut off. So evictions are
slow (a node in ten seconds and zone), slower where much of a large zone is down, none where much of
a small one is, and none at all where everything is. Numbers are kube-controller-manager's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Final

EVICTIONS_PER_S: Final = 0.1
PARTIAL_PER_S: Final = 0.01
LARGE_ZONE: Final = 50
"""Zones with more nodes than this go on slowly when they are partly down."""
UNHEALTHY: Final = 0.55
"""The part of a zone that is not ready and makes it partly down; at least three nodes."""


class ZoneState(StrEnum):
    """What a zone is like."""

    NORMAL = "Normal"
    PARTIAL = "PartialDisruption"
    FULL = "FullDisruption"


def state_of(ready: int, down: int) -> ZoneState:
    """Judge a zone by how many of its nodes are ready and how many are not."""
    if down and not ready:
        return ZoneState.FULL
    if down > 2 and down / (down + ready) >= UNHEALTHY:
        return ZoneState.PARTIAL
    return ZoneState.NORMAL


def rate_of(state: ZoneState, nodes: int) -> float:
    """Return how many nodes of a zone may be emptied per second."""
    if state is ZoneState.PARTIAL:
        return PARTIAL_PER_S if nodes > LARGE_ZONE else 0.0
    return EVICTIONS_PER_S


@dataclass(slots=True)
class _Zone:
    state: ZoneState = ZoneState.NORMAL
    per_s: float = EVICTIONS_PER_S
    last_s: float = -inf
    """When a node was last let go."""
    line: dict[str, None] = field(default_factory=dict)


class Zones:
    """The zones, and the nodes that wait to be emptied, first come, first served."""

    def __init__(self) -> None:
        self._zones: dict[str, _Zone] = {}
        self.all_down = False
        """Whether there are nodes and none is ready."""

    def __len__(self) -> int:
        """Return how many nodes wait."""
        return sum(len(zone.line) for zone in self._zones.values())

    def judge(self, nodes: Iterable[tuple[str, bool]]) -> None:
        """Set states and rates from the zone of each node and whether it is ready."""
        ready: Counter[str] = Counter()
        down: Counter[str] = Counter()
        for name, is_ready in nodes:
            (ready if is_ready else down)[name] += 1
        for name in dict.fromkeys([*ready, *down, *self._zones]):
            zone = self._zones.setdefault(name, _Zone())
            zone.state = state_of(ready[name], down[name])
            zone.per_s = rate_of(zone.state, ready[name] + down[name])
        self.all_down = bool(down) and not ready

    def state(self, zone: str) -> ZoneState:
        """Return a zone's state."""
        found = self._zones.get(zone)
        return found.state if found is not None else ZoneState.NORMAL

    def wait(self, zone: str, node: str) -> None:
        """Put a node in its zone's line, unless it is there."""
        self._zones.setdefault(zone, _Zone()).line.setdefault(node)

    def leave(self, zone: str, node: str) -> None:
        """Take a node out of line."""
        if zone in self._zones:
            self._zones[zone].line.pop(node, None)

    def clear(self) -> None:
        """Empty all lines."""
        for zone in self._zones.values():
            zone.line.clear()

    def take(self, now_s: float) -> list[str]:
        """Return the nodes that may be emptied now, at most one a zone."""
        taken = []
        for zone in self._zones.values():
            if zone.line and zone.per_s and now_s - zone.last_s >= 1 / zone.per_s:
                node = next(iter(zone.line))
                del zone.line[node]
                zone.last_s = now_s
                taken.append(node)
        return taken
