"""Codec by store: the headline metrics of a matrix as bars with intervals and every round's dot."""

from __future__ import annotations

from typing import Final

from matplotlib.axes import Axes

from reports.comparing import Cell, Matrix
from reports.figures.canvas import rule_x, sheet, write_plain
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import INK, codec_colour, tint
from reports.metrics import HEADLINES, Values, metric_of, values_of
from reports.wording import counted, plain

TITLE: Final = "Codec by store"
_WIDEST: Final = 1.6


def by_store(matrix: Matrix) -> list[Cell]:
    """Return the cells with one store's together, in the order of the matrix otherwise."""
    stores = list(dict.fromkeys(cell.store for cell in matrix.results.cells))
    return sorted(matrix.results.cells, key=lambda cell: stores.index(cell.store))


def _rows(cells: list[Cell]) -> list[float]:
    """Return where each cell's bar stands, with a gap before each next store."""
    rows, at = [], 0.0
    for place, cell in enumerate(cells):
        if place:
            at += 1.0 if cell.store == cells[place - 1].store else 1.6
        rows.append(at)
    return rows


def _span(row: list[Values]) -> float:
    """Return where a panel ends: past every round, and past intervals that are not too wide.

    An interval of two or three rounds can be many times as wide as what it is about.
    """
    rounds = [value for values in row for _, value in values.rounds]
    means = [values.interval.mean for values in row if values.interval]
    highs = [values.interval.high or 0.0 for values in row if values.interval]
    largest = max([*rounds, *means])
    return min(max([largest, *highs]), largest * _WIDEST) or 1.0


def _draw_cell(axes: Axes, row: float, cell: Cell, values: Values, end: float) -> None:
    """Draw a bar, its interval, its rounds and its number; what passes the end is an arrow."""
    colour = codec_colour(cell.codec)
    interval = values.interval
    number = "not measured" if interval is None else plain(interval.mean)
    axes.annotate(
        number,
        (0.995, row),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="center",
        color=INK,
        fontweight="bold" if interval else "normal",
    )
    if interval is None:
        return
    axes.barh(row, interval.mean, height=0.74, color=tint(colour, 0.55))
    if interval.low is not None and interval.high is not None:
        ends = [max(interval.low, 0.0), min(interval.high, end)]
        axes.plot(ends, [row, row], color=INK, linewidth=1.4)
        if interval.high > end:
            axes.plot(end, row, ">", color=INK, markersize=5)
    for _, value in values.rounds:
        axes.plot(value, row, "o", color=colour, markersize=5, markeredgecolor="white")


def _draw_panel(axes: Axes, matrix: Matrix, key: str, cells: list[Cell]) -> None:
    values = [values_of(matrix.results, cell, key) for cell in cells]
    end = _span(values)
    for row, cell, found in zip(_rows(cells), cells, values, strict=True):
        _draw_cell(axes, row, cell, found, end)
    metric = metric_of(matrix.results, key)
    axes.set_xlim(0, end * 1.36)
    axes.set_title(f"{metric.title}\n", fontsize=9.5)
    better = "more" if metric.higher_is_better else "less"
    axes.set_xlabel(f"{metric.unit} ({better} is better)")
    rule_x(axes)
    write_plain(axes, x=True)
    axes.locator_params(axis="x", nbins=4)


def draw(matrix: Matrix) -> Drawing | None:
    """Draw a panel for each headline metric; the rows are the cells, grouped by store."""
    cells = by_store(matrix)
    keys = [
        key
        for key in HEADLINES
        if any(values_of(matrix.results, cell, key).interval for cell in cells)
    ]
    if not keys:
        return None
    figure = sheet(TITLE, 0.42 * len(cells) + 1.9)
    panels = figure.subplots(1, len(keys), sharey=True, squeeze=False)[0]
    for axes, key in zip(panels, keys, strict=True):
        _draw_panel(axes, matrix, key, cells)
    panels[0].set_yticks(_rows(cells), [matrix.results.label(cell) for cell in cells], color=INK)
    for label, cell in zip(panels[0].get_yticklabels(), cells, strict=True):
        label.set_color(codec_colour(cell.codec))
        label.set_fontweight("bold")
    panels[0].invert_yaxis()
    rounds = max(len(cell.counting) for cell in cells)
    return Drawing(
        figure,
        f"Bars and numbers: means over {counted(rounds, 'round')}, each a fresh cluster; dots: "
        "the rounds themselves; lines: 95 % intervals of the mean over rounds (wide while rounds "
        "are few; an arrow leaves the sheet).",
    )


FIGURE: Final = FigureKind(name="codec_by_store", title=TITLE, subject=Matrix, draw=draw)
