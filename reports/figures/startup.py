"""Pod start-up: how long each transition took, as a distribution with its percentiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from reports.figures.canvas import rule_y, sheet, write_durations
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import ALARM, INK, MAIN, tint
from reports.latency import Latency
from reports.model import Run
from reports.samples import PodSample
from reports.wording import counted, duration_ms, round_ms

TITLE: Final = "How long pods take to start"
STARTUP_SLO: Final = "pod_startup_p99"
_FLOOR_MS: Final = 0.5
"""What is faster is drawn here: events of one commit arrive in one chunk, microseconds apart."""
_BINS_PER_DECADE: Final = 16


class _Row(NamedTuple):
    title: str
    times_ms: list[float]
    measured: Latency


def _between(
    pods: Sequence[PodSample],
    begin: Callable[[PodSample], float | None],
    end: Callable[[PodSample], float | None],
) -> list[float]:
    pairs = ((begin(pod), end(pod)) for pod in pods)
    return [last - first for first, last in pairs if first is not None and last is not None]


def _rows(run: Run) -> list[_Row]:
    startup = run.results.measurements.pod_startup
    rows = [
        _Row(
            "created → scheduled",
            _between(run.pods, lambda pod: pod.added_ms, lambda pod: pod.bound_ms),
            startup.create_to_schedule,
        ),
        _Row(
            "scheduled → reported running by the kubelet",
            _between(run.pods, lambda pod: pod.bound_ms, lambda pod: pod.reported_ms),
            startup.schedule_to_run,
        ),
        _Row(
            "reported running → seen on the watch",
            _between(run.pods, lambda pod: pod.reported_ms, lambda pod: pod.running_ms),
            startup.run_to_watch,
        ),
        _Row(
            "created → running, all pods",
            _between(run.pods, lambda pod: pod.added_ms, lambda pod: pod.running_ms),
            startup.watched_startup,
        ),
        _Row(
            "asked for → running, probes alone in the steady phase",
            _between(run.pods, lambda pod: pod.intended_ms, lambda pod: pod.running_ms),
            startup.pod_startup,
        ),
    ]
    return [row for row in rows if row.times_ms]


def _percentiles(row: _Row) -> list[tuple[str, float]]:
    """Return the percentiles as the results have them: from exact or mergeable histograms."""
    found = (row.measured.p50_ms, row.measured.p90_ms, row.measured.p99_ms)
    return [
        (name, value)
        for name, value in zip(("p50", "p90", "p99"), found, strict=True)
        if value is not None
    ]


def _draw_row(axes: Axes, row: _Row, edges: np.ndarray) -> None:
    times = np.clip(np.asarray(row.times_ms), edges[0] * 1.001, edges[-1] * 0.999)
    heights, _ = np.histogram(times, bins=edges)
    axes.stairs(heights * 100 / len(times), edges, fill=True, color=tint(MAIN, 0.45))
    top = float(heights.max()) * 100 / len(times)
    axes.set_ylim(0, top * 1.55)
    axes.set_xlim(float(edges[0]), float(edges[-1]))
    axes.set_xscale("log")
    write_durations(axes)
    rule_y(axes)
    axes.set_ylabel("% of pods")
    axes.set_title(f"{row.title}  ({counted(len(times), 'pod')})")
    marks = _percentiles(row)
    for (name, value), level in zip(marks, (1.40, 1.24, 1.08), strict=False):
        at = max(value, float(edges[0]))
        axes.vlines(at, 0, top * level, color=INK, linewidth=1.1)
        axes.annotate(
            f" {name} {duration_ms(value)}",
            (at, top * level),
            va="top",
            fontsize=9.5,
            color=INK,
        )


def draw(run: Run) -> Drawing | None:
    """Draw a row for each transition that any pod made."""
    rows = _rows(run)
    if not rows:
        return None
    target = run.results.slo.get(STARTUP_SLO)
    longest = max(max(row.times_ms) for row in rows)
    last = max(longest * 2.5, target.target * 1.6 if target else 0.0, _FLOOR_MS * 10)
    first = max(_FLOOR_MS, 0.7 * min(min(row.times_ms) for row in rows))
    decades = np.log10(last / first)
    edges = np.geomspace(first, last, int(decades * _BINS_PER_DECADE) + 2)
    figure = sheet(TITLE, 1.75 * len(rows) + 0.8)
    grid = figure.subplots(len(rows), 1, sharex=True, squeeze=False)
    for axes, row in zip(grid[:, 0], rows, strict=True):
        _draw_row(axes, row, edges)
    bottom = grid[-1, 0]
    bottom.set_xlabel("time, logarithmic")
    if target and rows[-1].times_ms and "probes" in rows[-1].title:
        bottom.axvline(target.target, color=ALARM, linewidth=1.4, linestyle=(0, (4, 2)))
        bottom.annotate(
            f"p99 asked for: {round_ms(target.target)} ",
            (target.target, bottom.get_ylim()[1]),
            ha="right",
            va="top",
            color=ALARM,
        )
    fast = sum(time < _FLOOR_MS for row in rows for time in row.times_ms)
    note = f" {counted(fast, 'time')} below 0.5 ms stand in the first bar." if fast else ""
    return Drawing(
        figure,
        "Each row is one step of a pod's start, over all pods that made it; the lines are its "
        "percentiles. When a pod was created, scheduled and running is when the measuring process "
        "received it on its watch; when the kubelet reported is when its request left, on the same "
        f"monotonic clock.{note}",
    )


FIGURE: Final = FigureKind(name="pod_startup", title=TITLE, subject=Run, draw=draw)
