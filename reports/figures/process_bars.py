"""Horizontal bars of what each process used: the sheet that CPU and memory share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from reports.comparing import Cell, Matrix
from reports.figures.canvas import key, rule_x, write_plain
from reports.figures.palette import INK, SOFT, process_colour, tint
from reports.model import ProcessUse, Run, process_order
from reports.wording import family, plain, process_title


class Bar(NamedTuple):
    """A process' bar: the part of the main colour, and the part behind it in a tint."""

    process: str
    main: float
    rest: float


def draw_bars(axes: Axes, bars: Sequence[Bar], unit: str) -> None:
    """Draw a bar a process, the largest scale shared, each with its value beside it."""
    top = max((bar.main + bar.rest for bar in bars), default=0.0) or 1.0
    for row, bar in enumerate(bars):
        colour = process_colour(bar.process)
        axes.barh(row, bar.main, height=0.62, color=colour)
        axes.barh(row, bar.rest, left=bar.main, height=0.62, color=tint(colour, 0.4))
        split = f"  (fill {plain(bar.main)}, rest {plain(bar.rest)})" if bar.rest > 0 else ""
        axes.annotate(
            f" {plain(bar.main + bar.rest)} {unit}{split}",
            (bar.main + bar.rest, row),
            va="center",
            color=INK,
        )
    axes.set_yticks(range(len(bars)), [process_title(bar.process) for bar in bars], color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, top * 1.42)
    axes.set_xlabel(unit)
    rule_x(axes)
    write_plain(axes, x=True)


def means_by_cell(
    matrix: Matrix, value: Callable[[Run, ProcessUse], float | None]
) -> dict[str, dict[str, float]]:
    """Return, by cell and process, the mean over the cell's rounds that count."""
    found: dict[str, dict[str, float]] = {}
    for cell in matrix.results.cells:
        means = _means(matrix, cell, value)
        if means:
            found[matrix.results.label(cell)] = means
    return found


def _means(
    matrix: Matrix, cell: Cell, value: Callable[[Run, ProcessUse], float | None]
) -> dict[str, float]:
    gathered: dict[str, list[float]] = {}
    for run in matrix.runs_of(cell):
        for process, use in run.results.measurements.processes.items():
            one = value(run, use)
            if one is not None:
                gathered.setdefault(process, []).append(one)
    return {process: sum(values) / len(values) for process, values in gathered.items()}


def draw_stacks(axes: Axes, stacks: dict[str, dict[str, float]], unit: str) -> None:
    """Draw a stacked bar a cell, a part a process, the sum at its end, a key above."""
    processes = process_order({process for parts in stacks.values() for process in parts})
    below = np.zeros(len(stacks))
    rows = np.arange(len(stacks))
    top = max(sum(parts.values()) for parts in stacks.values()) or 1.0
    for process in processes:
        widths = np.asarray([parts.get(process, 0.0) for parts in stacks.values()])
        axes.barh(rows, widths, left=below, height=0.68, color=process_colour(process))
        for row, width in enumerate(widths):
            if width > top * 0.07:
                axes.annotate(
                    plain(float(width)),
                    (float(below[row]) + float(width) / 2, row),
                    ha="center",
                    va="center",
                    color="white" if family(process) in ("apiserver", "control", "etcd") else INK,
                    fontsize=9,
                )
        below = below + widths
    for row, total in enumerate(below):
        axes.annotate(f" {plain(float(total))}", (float(total), row), va="center", color=INK)
    axes.set_yticks(rows, list(stacks), color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, top * 1.1)
    axes.set_xlabel(unit, color=SOFT)
    rule_x(axes)
    write_plain(axes, x=True)
    key(axes, [(process_title(process), process_colour(process)) for process in processes])
