"""Where the time of pods' starts goes, stage by stage, the phases apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from bench.latency import Latency
from bench.observed import Observed
from bench.pod_ways import PodWays, Stamps
from bench.waterfall_results import PodWay, Stage, Waterfall, WaterfallPhase

RANKS: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0)
"""Of the pods that are told one by one."""


def waterfall(observed: Observed) -> Waterfall:
    """Return the waterfall part of the results; without phases where no history was kept."""
    ways = observed.ways
    if ways is None:
        return Waterfall()
    return Waterfall(phases=list(_phases(observed, ways)), incomplete=ways.incomplete)


def _phases(observed: Observed, ways: PodWays) -> Iterator[WaterfallPhase]:
    created = ways.stamps[:, 0]
    for phase in observed.phases:
        end_ns = phase.end.stamp_ns if phase.end else observed.end_ns
        within = np.flatnonzero((created >= phase.begin.stamp_ns) & (created <= end_ns))
        if len(within):
            yield _phase(phase.name, ways, within, observed.origin_ns)


def _phase(name: str, ways: PodWays, within: Stamps, origin_ns: int) -> WaterfallPhase:
    stamps = ways.stamps[within]
    stages, totals = np.diff(stamps, axis=1), stamps[:, -1] - stamps[:, 0]
    order = np.argsort(totals, kind="stable")
    samples = dict.fromkeys(round(rank * (len(order) - 1)) for rank in RANKS)
    return WaterfallPhase(
        phase=name,
        pods=len(within),
        stages=[
            Stage(stage, float(stages[:, at].mean()) / 1e6, distribution(stages[:, at]))
            for at, stage in enumerate(ways.stages)
        ],
        total=distribution(totals),
        total_mean_ms=float(totals.mean()) / 1e6,
        samples=[
            _way(ways, int(within[order[place]]), place / max(len(order) - 1, 1), origin_ns)
            for place in samples
        ],
    )


def _way(ways: PodWays, row: int, rank: float, origin_ns: int) -> PodWay:
    namespace, _, name = ways.keys[row].partition("/")
    stamps = ways.stamps[row]
    return PodWay(
        rank=round(rank, 4),
        namespace=namespace,
        name=name,
        node=ways.nodes[row],
        begin_s=(int(stamps[0]) - origin_ns) / 1e9,
        stages_ms=[float(ns) / 1e6 for ns in np.diff(stamps)],
    )


def distribution(lengths_ns: Stamps) -> Latency:
    """Return exact percentiles (nearest rank) of lengths in nanoseconds."""
    ordered = np.sort(lengths_ns)

    def at(share: float) -> float:
        return float(ordered[max(0, int(np.ceil(share * len(ordered))) - 1)]) / 1e6

    return Latency(len(ordered), at(0.5), at(0.9), at(0.99), at(1.0))
