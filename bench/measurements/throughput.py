"""Rates of the fill and of the delete phase."""

from __future__ import annotations

from typing import Final

from bench.measurements.written import written
from bench.observed import Observed
from bench.results import Throughput
from bench.scenarios.stage import Mark
from bench.switches import APISERVER

WATCH_EVENTS: Final = "watch_events_sent"
"""The API server's counter of events written to watchers."""


def throughput(observed: Observed) -> Throughput:
    """Return the rates; null where a phase was not played to its end."""
    writes = events = None
    fill = observed.phase("fill")
    if fill is not None:
        begin, end = fill
        elapsed_s = (end.stamp_ns - begin.stamp_ns) / 1e9
        count = written(begin, end)
        writes = None if count is None else count / elapsed_s
        events = _sent(begin, end, elapsed_s)
    return Throughput(
        pods_per_s=_pods_per_s(observed),
        writes_per_s=writes,
        watch_events_per_s=events,
        deletes_per_s=_deletes_per_s(observed),
    )


def _sent(begin: Mark, end: Mark, elapsed_s: float) -> float | None:
    before, after = begin.counters.get(APISERVER), end.counters.get(APISERVER)
    if before is None or after is None or WATCH_EVENTS not in after:
        return None
    return (after[WATCH_EVENTS] - before.get(WATCH_EVENTS, 0.0)) / elapsed_s


def _pods_per_s(observed: Observed) -> float | None:
    running = sum(1 for record in observed.filled if record.running_ns)
    if not running or not observed.origin_ns:
        return None
    return running / ((observed.last_running_ns - observed.origin_ns) / 1e9)


def _deletes_per_s(observed: Observed) -> float | None:
    phase = observed.phase("delete")
    if phase is None:
        return None
    begin_ns = phase[0].stamp_ns
    stamps = [record.deleted_ns for record in observed.records if record.deleted_ns > begin_ns]
    if not stamps:
        return None
    return len(stamps) / ((max(stamps) - begin_ns) / 1e9)
