"""CPU by process: of a run in seconds, of a matrix' cells in milliseconds for each pod."""

from __future__ import annotations

from typing import Final

from reports.comparing import Matrix
from reports.figures.canvas import sheet
from reports.figures.kind import Drawing, FigureKind
from reports.figures.process_bars import Bar, draw_bars, draw_stacks, means_by_cell
from reports.model import ProcessUse, Run, process_order

TITLE: Final = "CPU by process"
TITLE_OF_CELLS: Final = "CPU for each pod, by process"


def draw(run: Run) -> Drawing | None:
    """Draw a bar a process: the fill in full colour, the rest of the run in a tint."""
    processes = run.results.measurements.processes
    bars = []
    for name in process_order(processes):
        use = processes[name]
        if use.cpu_s is not None:
            fill = min(use.cpu_fill_s if use.cpu_fill_s is not None else use.cpu_s, use.cpu_s)
            bars.append(Bar(name, fill, use.cpu_s - fill))
    if not bars:
        return None
    figure = sheet(TITLE, 0.42 * len(bars) + 1.25)
    draw_bars(figure.subplots(), bars, "CPU s")
    return Drawing(
        figure,
        "Full colour: while the pods came up; tint: the phases after it. User and system time as "
        "the operating system accounts it; the start of the processes is not counted.",
    )


def _cpu_ms_per_pod(run: Run, use: ProcessUse) -> float | None:
    pods = run.results.config.pods
    return use.cpu_fill_s * 1000 / pods if use.cpu_fill_s is not None and pods else None


def draw_cells(matrix: Matrix) -> Drawing | None:
    """Draw a stacked bar a cell."""
    stacks = means_by_cell(matrix, _cpu_ms_per_pod)
    if not stacks:
        return None
    figure = sheet(TITLE_OF_CELLS, 0.45 * len(stacks) + 1.4)
    draw_stacks(figure.subplots(), stacks, "CPU ms for each pod, in the fill")
    return Drawing(
        figure,
        "CPU of each process while the pods came up, over the number of pods; means over the "
        "rounds that count. The measuring process decodes every event too, so a slow codec "
        "costs there as well.",
    )


FIGURE: Final = FigureKind(name="cpu_by_process", title=TITLE, subject=Run, draw=draw)
CELLS_FIGURE: Final = FigureKind(
    name="cpu_by_cell", title=TITLE_OF_CELLS, subject=Matrix, draw=draw_cells
)
