"""Spreading: pods of one service or controller go to different nodes, and different zones."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import repeat
from typing import Final

from cluster.scheduler.plugins import INFEASIBLE, MAX_SCORE, Asked, Window

ZONE_SHARE: Final = (2, 3)
NODE_SHARE: Final = (1, 3)
"""Of a node in a zone, the zone counts two thirds, the node itself one (SelectorSpread)."""


class Spreading:
    """``MAX_SCORE`` where there is no pod alike, 0 where there are most of all nodes.

    Hot path: of the usual pod a handful of nodes have any alike, and only those are touched.
    """

    def adjust(self, asked: Asked, window: Window) -> None:
        alike = asked.alike
        if not alike:
            return
        most = max(alike.values())
        if window.state.zoned:
            _spread_nodes_in_zones(alike, most, window)
            _spread_zones(alike, window)
        elif 2 * len(alike) < len(window.scores):
            _spread_over_few(alike, most, window)
        else:
            _spread_over_all(alike, most, window)


def _spread_over_few(alike: Mapping[str, int], most: int, window: Window) -> None:
    """Take from the nodes that have pods alike."""
    scores = window.scores
    for at, count in window.places_of(alike):
        scores[at] -= MAX_SCORE * count // most


def _spread_over_all(alike: Mapping[str, int], most: int, window: Window) -> None:
    """Take from every node: most have pods alike (hot for big controllers)."""
    costs = [MAX_SCORE * count // most for count in range(most + 1)]
    counts = map(alike.get, window.names(), repeat(0))
    window.scores[:] = [
        score - costs[count] if score != INFEASIBLE else score
        for score, count in zip(window.scores, counts, strict=True)
    ]


def _spread_nodes_in_zones(alike: Mapping[str, int], most: int, window: Window) -> None:
    state, scores = window.state, window.scores
    for name, count in alike.items():
        at = window.place_of(name)
        if at is not None:
            part, whole = NODE_SHARE if state.zone_of(name) else (1, 1)
            scores[at] -= MAX_SCORE * count * part // (most * whole)


def _spread_zones(alike: Mapping[str, int], window: Window) -> None:
    """Take from every node what its zone is full of."""
    counts: dict[str, int] = {}
    for name, count in alike.items():
        zone = window.state.zone_of(name)
        if zone:
            counts[zone] = counts.get(zone, 0) + count
    most = max(counts.values(), default=0)
    if not most:
        return
    part, whole = ZONE_SHARE
    cost = {zone: MAX_SCORE * count * part // (most * whole) for zone, count in counts.items()}
    window.scores[:] = [
        score - cost.get(zone, 0) if score != INFEASIBLE else score
        for score, zone in zip(window.scores, window.zones(), strict=True)
    ]
