"""Memory by process: peaks of anonymous memory; the store's file map is told apart."""

from __future__ import annotations

from typing import Final

from reports.comparing import Matrix
from reports.figures.canvas import sheet
from reports.figures.kind import Drawing, FigureKind
from reports.figures.process_bars import Bar, draw_bars, draw_stacks, means_by_cell
from reports.model import Run, process_order

TITLE: Final = "Memory by process, at its peak"
_HOW: Final = (
    "Anonymous resident memory (RssAnon): what the process itself holds; the map of a store's "
    "file is not in it. Peaks of samples about a second apart, before the auditor lists everything"
)


def draw(run: Run) -> Drawing | None:
    """Draw a bar a process."""
    processes = run.results.measurements.processes
    bars = [
        Bar(name, peak, 0.0)
        for name in process_order(processes)
        if (peak := processes[name].anon_max_mib) is not None
    ]
    if not bars:
        return None
    figure = sheet(TITLE, 0.42 * len(bars) + 1.25)
    draw_bars(figure.subplots(), bars, "MiB")
    return Drawing(figure, f"{_HOW}.")


def draw_cells(matrix: Matrix) -> Drawing | None:
    """Draw a stacked bar a cell."""
    stacks = means_by_cell(matrix, lambda _, use: use.anon_max_mib)
    if not stacks:
        return None
    figure = sheet(TITLE, 0.45 * len(stacks) + 1.4)
    draw_stacks(figure.subplots(), stacks, "MiB, sum of the processes' peaks")
    return Drawing(figure, f"{_HOW}; means over the rounds that count.")


FIGURE: Final = FigureKind(name="memory_by_process", title=TITLE, subject=Run, draw=draw)
CELLS_FIGURE: Final = FigureKind(
    name="memory_by_cell", title=TITLE, subject=Matrix, draw=draw_cells
)
