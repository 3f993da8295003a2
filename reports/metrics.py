"""The metrics of a matrix that lead its report, and one that is derived here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reports.comparing import Cell, Interval, MatrixResults, Metric

SERVER_CPU_PER_POD: Final = "apiserver_cpu_ms_per_pod"
_SERVER_CPU_FILL: Final = "apiserver_cpu_fill_s"
HEADLINES: Final = ("pods_per_s", "startup_p99_ms", SERVER_CPU_PER_POD)
"""What is drawn as bars; everything is in the table."""
_DERIVED: Final = Metric("API server's CPU for each pod", "ms")


@dataclass(frozen=True, slots=True)
class Values:
    """A metric in a cell: over rounds, and round by round. No interval: not measured."""

    interval: Interval | None
    rounds: list[tuple[int, float]]
    """The number of the round and its value, of the rounds that count."""


def metric_of(results: MatrixResults, key: str) -> Metric:
    """Return how to read a metric; a metric that nobody describes is called by its key."""
    if key in results.metrics:
        return results.metrics[key]
    return _DERIVED if key == SERVER_CPU_PER_POD else Metric(key)


def metric_keys(results: MatrixResults) -> list[str]:
    """Return the metrics that any cell has, headlines first, then as the results order them."""
    present = {key for cell in results.cells for key in cell.summary}
    if _SERVER_CPU_FILL in present and results.config.pods:
        present.add(SERVER_CPU_PER_POD)
    order = dict.fromkeys((*HEADLINES, *results.metrics, *sorted(present)))
    return [key for key in order if key in present]


def values_of(results: MatrixResults, cell: Cell, key: str) -> Values:
    """Return a metric of a cell.

    The server's CPU for each pod is its CPU in the fill over the pods of the fill, unless the
    results carry it themselves.
    """
    factor = 1.0
    if key == SERVER_CPU_PER_POD and key not in cell.summary and results.config.pods:
        key, factor = _SERVER_CPU_FILL, 1000 / results.config.pods
    found = cell.summary.get(key)
    rounds = [
        (item.round, item.values[key] * factor) for item in cell.counting if key in item.values
    ]
    return Values(found.scaled(factor) if found else None, rounds)
