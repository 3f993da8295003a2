"""Start-up in each cell: what share of the pods was running after how long."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes

from reports.comparing import Matrix
from reports.figures.canvas import rule_y, sheet, write_durations
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import INK, SOFT, codec_colour
from reports.wording import duration_ms

TITLE: Final = "Start-up of pods in each cell"
_FLOOR_MS: Final = 1.0
_STYLES: Final = ("solid", "dashed", "dotted", "dashdot")
"""Cells of one codec and store, where switches vary."""
_SHARES: Final = np.concatenate((np.linspace(0, 0.98, 99), np.linspace(0.982, 1.0, 10)))


def _times(matrix: Matrix) -> dict[str, dict[str, np.ndarray]]:
    """Return, by store and cell, every pod's time from creation to running, of all rounds."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for cell in matrix.results.cells:
        times = [
            pod.running_ms - pod.added_ms
            for run in matrix.runs_of(cell)
            for pod in run.pods
            if pod.running_ms is not None and pod.added_ms is not None
        ]
        if times:
            found.setdefault(cell.store, {})[matrix.results.label(cell)] = np.asarray(times)
    return found


def _said(name: str, style: str) -> str:
    line = name.replace("\n", ", ")
    return line if style == _STYLES[0] else f"{line} ({style})"


def _draw_store(axes: Axes, cells: dict[str, np.ndarray], codecs: dict[str, str]) -> None:
    drawn: dict[str, int] = {}
    for place, (name, times) in enumerate(cells.items()):
        colour = codec_colour(codecs[name])
        style = _STYLES[drawn.get(codecs[name], 0) % len(_STYLES)]
        drawn[codecs[name]] = drawn.get(codecs[name], 0) + 1
        at_shares = np.clip(np.quantile(times, _SHARES), _FLOOR_MS, None)
        axes.plot(at_shares, _SHARES * 100, color=colour, linestyle=style)
        middle = float(np.quantile(times, 0.5))
        axes.annotate(
            f"{_said(name, style)}: half within {duration_ms(middle)}",
            (0.015, 0.93 - 0.11 * place),
            xycoords="axes fraction",
            color=colour,
            va="top",
            fontweight="bold",
        )


def draw(matrix: Matrix) -> Drawing | None:
    """Draw a panel a store, a line a cell."""
    stores = _times(matrix)
    if not stores:
        return None
    codecs = {matrix.results.label(cell): cell.codec for cell in matrix.results.cells}
    figure = sheet(TITLE, 2.3 * len(stores) + 0.8)
    panels = figure.subplots(len(stores), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (store, cells) in zip(panels, stores.items(), strict=True):
        _draw_store(axes, cells, codecs)
        axes.set_title(f"store: {store}")
        axes.set_ylim(0, 102)
        axes.set_xscale("log")
        axes.set_ylabel("% of pods running", color=SOFT)
        write_durations(axes)
        rule_y(axes)
    panels[-1].set_xlabel("time from a pod's creation to Running, logarithmic", color=INK)
    return Drawing(
        figure,
        "The further left a line, the sooner the pods run. All pods of all rounds that count, "
        "from receipt to receipt on the measuring process' watch.",
    )


FIGURE: Final = FigureKind(name="startup_by_cell", title=TITLE, subject=Matrix, draw=draw)
