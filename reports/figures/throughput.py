"""Throughput over time: what reached the measuring process' watch, second by second."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes

from reports.figures.canvas import rule_y, sheet, write_plain
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import INK, SOFT, STEPS
from reports.figures.phases import mark_phases
from reports.model import Run
from reports.wording import plain

TITLE: Final = "Pods and watch events over time"


def _times_s(run: Run) -> dict[str, np.ndarray]:
    """Return when each step was seen, over all pods, sorted; without steps that nobody made."""
    steps = {
        "created": [pod.added_ms for pod in run.pods],
        "scheduled": [pod.bound_ms for pod in run.pods],
        "running": [pod.running_ms for pod in run.pods],
        "deleted": [pod.deleted_ms for pod in run.pods],
    }
    sorted_steps = {
        step: np.sort(np.asarray([at for at in times if at is not None], dtype=float)) / 1000
        for step, times in steps.items()
    }
    return {step: times for step, times in sorted_steps.items() if times.size}


def _width_s(length_s: float) -> float:
    """Return the width of a bin: a second, or less where the run is over in seconds."""
    for width in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0):
        if length_s / width <= 150:
            return width
    return 30.0


def _draw_rates(axes: Axes, steps: dict[str, np.ndarray], edges: np.ndarray) -> None:
    width = float(edges[1] - edges[0])
    for step in ("running", "deleted"):
        if step not in steps:
            continue
        heights = np.histogram(steps[step], bins=edges)[0] / width
        axes.stairs(heights, edges, color=STEPS[step], fill=True, alpha=0.85)
        best = int(heights.argmax())
        label = axes.annotate(
            f"{step}: up to {plain(float(heights[best]))}/s",
            (float(edges[best]) + width / 2, float(heights[best])),
            xytext=(0, 3),
            ha="right" if best > 0.75 * heights.size else "left",
            textcoords="offset points",
            color=STEPS[step],
            fontweight="bold",
        )
        label.set_in_layout(False)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.32)
    axes.set_ylabel("pods/s")
    axes.set_title("Pods seen running, and pods seen deleted")


def _draw_events(axes: Axes, steps: dict[str, np.ndarray], edges: np.ndarray) -> None:
    width = float(edges[1] - edges[0])
    heights = np.histogram(np.concatenate(list(steps.values())), bins=edges)[0] / width
    axes.stairs(heights, edges, color=SOFT, fill=True, alpha=0.6)
    axes.set_ylim(0, max(float(heights.max()), 1.0) * 1.12)  # all may lie before the origin
    axes.set_ylabel("events/s")
    axes.set_title("Steps of pods received on the measuring process' watch")


def _draw_totals(axes: Axes, steps: dict[str, np.ndarray], last: float) -> None:
    moments = np.linspace(0, last, 600)  # no finer than the sheet, however many pods there are
    for place, (step, times) in enumerate(steps.items()):
        axes.plot(moments, np.searchsorted(times, moments, side="right"), color=STEPS[step])
        axes.annotate(
            step,
            (0.008 + 0.105 * place, 0.95),
            xycoords="axes fraction",
            color=STEPS[step],
            va="top",
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )
    axes.set_ylim(0, axes.get_ylim()[1] * 1.16)
    axes.set_ylabel("pods")
    axes.set_title("Pods that have come so far")


def draw(run: Run) -> Drawing | None:
    """Draw rates, events and totals over one axis of time."""
    steps = _times_s(run)
    if not steps:
        return None
    last = max(float(times[-1]) for times in steps.values())
    last = max([last, *(phase.end_s for phase in run.results.phases)])
    width = _width_s(last)
    edges = np.arange(0, last + width, width)
    edges = edges if edges.size > 1 else np.asarray([0.0, width])
    figure = sheet(TITLE, 6.0)
    rates, events, totals = figure.subplots(3, 1, sharex=True, height_ratios=(1.25, 1, 1.25))
    _draw_rates(rates, steps, edges)
    _draw_events(events, steps, edges)
    _draw_totals(totals, steps, last)
    for axes in (rates, events, totals):
        rule_y(axes)
        write_plain(axes, y=True)
        axes.set_xlim(0, float(edges[-1]))
    mark_phases((rates, events, totals), run.results.phases)
    totals.set_xlabel("seconds since the first intended create", color=INK)
    sent = run.results.measurements.throughput.watch_events_per_s
    total = (
        f" To all its watchers the API server sent {plain(sent)} events/s over the fill."
        if sent is not None
        else ""
    )
    return Drawing(
        figure,
        f"Counted in steps of {width:g} s at the measuring process, at the moment of receipt: a "
        "gap between created and scheduled is the scheduler's queue, one between scheduled and "
        f"running is the nodes and their way back.{total}",
    )


FIGURE: Final = FigureKind(name="throughput", title=TITLE, subject=Run, draw=draw)
