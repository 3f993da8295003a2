"""CPU over time: how many cores each process kept busy, stacked."""

from __future__ import annotations

from typing import Final

import numpy as np

from reports.figures.canvas import key, rule_y, sheet
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import ALARM, INK, process_colour
from reports.figures.phases import mark_phases
from reports.model import Run, process_order
from reports.wording import counted, process_title

TITLE: Final = "CPU over time, by process"


def _busy_cores(run: Run, process: str, moments_s: np.ndarray) -> np.ndarray:
    """Return the cores that a process kept busy between one moment and the next."""
    samples = [(item.t_ms / 1000, item.cpu_s) for item in run.processes if item.process == process]
    times, used = np.asarray(sorted(samples)).T
    at_moments = np.interp(moments_s, times, used)
    busy: np.ndarray = np.diff(at_moments) / np.diff(moments_s)
    return busy


def _moments(run: Run) -> np.ndarray:
    """Return the moments between which CPU is drawn: the samples', at least 0.2 s apart."""
    kept: list[float] = []
    for t_ms in sorted({item.t_ms for item in run.processes}):
        if not kept or t_ms / 1000 - kept[-1] >= 0.2:
            kept.append(t_ms / 1000)
    return np.asarray(kept)


def draw(run: Run) -> Drawing | None:
    """Draw a stacked area, and the machine's cores as the ceiling."""
    moments = _moments(run)
    if moments.size < 2:
        return None
    names = process_order(item.process for item in run.processes)
    busy = [_busy_cores(run, name, moments) for name in names]
    figure = sheet(TITLE, 3.3)
    axes = figure.subplots()
    below = np.zeros(moments.size - 1)
    for name, cores in zip(names, busy, strict=True):
        axes.stairs(below + cores, moments, baseline=below, fill=True, color=process_colour(name))
        below = below + cores
    machine = run.results.environment.cores
    if machine:
        axes.axhline(machine, color=ALARM, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.annotate(
            f"all of the machine: {counted(machine, 'core')} ",
            (1.0, machine),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            color=ALARM,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )
    axes.set_ylim(0, (max(float(below.max()), float(machine)) or 1.0) * 1.32)
    axes.set_xlim(float(moments[0]), float(moments[-1]))
    axes.set_ylabel("cores busy")
    axes.set_xlabel("seconds since the first intended create", color=INK)
    rule_y(axes)
    key(axes, [(process_title(name), process_colour(name)) for name in names])
    mark_phases((axes,), run.results.phases)
    return Drawing(
        figure,
        "User and system time of each process, sampled about once a second from the operating "
        "system; the load and what is loaded share the machine, so where the stack meets the "
        "dashed line the machine, not the control plane, sets the pace.",
    )


FIGURE: Final = FigureKind(name="cpu_timeline", title=TITLE, subject=Run, draw=draw)
