"""From runs to a matrix's results: values, summaries over rounds, ratios paired by round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bench.apiservers import is_server, is_store
from bench.matrix_results import METRICS, Cell, Comparison, Interval, Round
from bench.results import Config, Results, Status
from bench.statistics import Ratio, mean_interval, paired_ratio

BASELINES: Final = {"store": "memory", **Config().settings}
"""Protobuf, the memory store, and every switch as it usually is."""

SERVER_CALLS: Final = "single_object_server_p99"


def values_of(results: Results) -> dict[str, float]:
    """Return a run's values, keys of ``METRICS``; none for a void run, absent if not measured."""
    if results.verdict.status is Status.VOID:
        return {}
    measured = results.measurements
    rates, startup, used = measured.throughput, measured.pod_startup.pod_startup, measured.processes
    fill_s = sum(use.cpu_fill_s for use in used.values())
    found: dict[str, float | None] = {
        "pods_per_s": rates.pods_per_s,
        "writes_per_s": rates.writes_per_s,
        "watch_events_per_s": rates.watch_events_per_s,
        "startup_p50_ms": startup.p50_ms,
        "startup_p99_ms": startup.p99_ms,
        "cpu_fill_s": fill_s,
        "cpu_ms_per_pod": 1000 * fill_s / results.config.pods,
    }
    if measured.steady is not None and (aim := measured.steady.aims.get(SERVER_CALLS)):
        found["steady_calls_p99_ms"] = aim.measured_ms
    for name, use in used.items():
        found[f"{name}_cpu_s"] = use.cpu_s
    if servers := [use for name, use in used.items() if is_server(name)]:
        found["apiserver_cpu_s"] = sum(use.cpu_s for use in servers)
        found["apiserver_cpu_fill_s"] = sum(use.cpu_fill_s for use in servers)
        found["apiserver_anon_max_mib"] = sum(use.anon_max_mib for use in servers)
    if stores := [use for name, use in used.items() if is_store(name)]:
        found["etcd_cpu_s"] = sum(use.cpu_s for use in stores)
    return {name: value for name, value in found.items() if value is not None and name in METRICS}


def summarize(rounds: Sequence[Round]) -> dict[str, Interval]:
    """Return each metric's mean over the rounds that have it."""
    return {
        metric: mean_interval(values)
        for metric in METRICS
        if (values := [run.values[metric] for run in rounds if metric in run.values])
    }


def compare(cells: Sequence[Cell]) -> Iterator[Comparison]:
    """Yield the comparisons of cells that differ in one axis from one at its baseline."""
    for cell in cells:
        for axis, baseline in _baselines(cell, cells):
            for metric in METRICS:
                comparison = _compare(axis, metric, cell, baseline)
                if comparison is not None:
                    yield comparison


def _baselines(cell: Cell, cells: Sequence[Cell]) -> Iterator[tuple[str, Cell]]:
    mine = _axes(cell)
    for other in cells:
        theirs = _axes(other)
        differing = [axis for axis, value in mine.items() if theirs.get(axis) != value]
        if len(differing) == 1:
            (axis,) = differing
            if theirs.get(axis) == _base(axis, cells):
                yield axis, other


def _axes(cell: Cell) -> dict[str, str]:
    return {"codec": cell.codec, "store": cell.store, **cell.settings}


def _base(axis: str, cells: Sequence[Cell]) -> str | None:
    """Return what the others of an axis are held against: the usual, or the first there is."""
    values = [_axes(cell).get(axis) for cell in cells]
    usual = BASELINES.get(axis)
    return usual if usual in values else values[0]


def _compare(axis: str, metric: str, cell: Cell, baseline: Cell) -> Comparison | None:
    theirs = {run.round: run.values for run in baseline.rounds}
    pairs = [
        (run.values[metric], theirs[run.round][metric])
        for run in cell.rounds
        if metric in run.values and metric in theirs.get(run.round, {})
    ]
    found = paired_ratio([a for a, _ in pairs], [b for _, b in pairs])
    if found is None:
        return None
    return Comparison(
        axis=axis,
        metric=metric,
        numerator=cell.name,
        denominator=baseline.name,
        ratio=found.ratio,
        low=found.low,
        high=found.high,
        rounds=found.rounds,
        decided=found.decided,
        rounds_needed=found.rounds_needed,
        text=sentence(metric, cell.name, baseline.name, found),
    )


def sentence(metric: str, numerator: str, denominator: str, found: Ratio) -> str:
    """Return a comparison for people; it never claims what the rounds do not carry."""
    bounds = "" if found.low is None else f" [{found.low:.2f}, {found.high:.2f}]"
    head = f"{METRICS[metric].title}: {numerator} / {denominator} = {found.ratio:.2f}{bounds}"
    if found.decided:
        return f"{head} ({found.rounds} rounds)"
    return f"{head}; {undecided(found.rounds, found.rounds_needed)}"


def undecided(rounds: int, rounds_needed: int | None) -> str:
    """Return what is said of a comparison that the rounds do not carry."""
    needed = "" if rounds_needed is None else f", about {rounds_needed} needed"
    return f"undecided: {rounds} round{'' if rounds == 1 else 's'}{needed}"
