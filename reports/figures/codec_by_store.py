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


def _draw_cell(axes: Axes, row: float, cell: Cell, values: Values) -> float:
    """Draw a bar, its interval and its rounds; return how far to the right it reaches."""
    colour = codec_colour(cell.codec)
    interval = values.interval
    if interval is None:
        axes.annotate(" not measured", (0, row), va="center", color=INK, fontsize=9)
        return 0.0
    axes.barh(row, interval.mean, height=0.74, color=tint(colour, 0.55))
    reach = interval.mean
    if interval.low is not None and interval.high is not None:
        low = max(interval.low, 0.0)
        axes.plot([low, interval.high], [row, row], color=INK, linewidth=1.4)
        reach = max(reach, interval.high)
    for _, value in values.rounds:
        axes.plot(value, row, "o", color=colour, markersize=5, markeredgecolor="white")
        reach = max(reach, value)
    axes.annotate(
        f"  {plain(interval.mean)}",
        (reach, row),
        va="center",
        color=INK,
        fontweight="bold",
    )
    return reach


def draw(matrix: Matrix) -> Drawing | None:
    """Draw a panel for each headline metric; the rows are the cells, grouped by store."""
    cells = by_store(matrix)
    table = {key: [values_of(matrix.results, cell, key) for cell in cells] for key in HEADLINES}
    keys = [key for key, row in table.items() if any(values.interval for values in row)]
    if not keys:
        return None
    rows = _rows(cells)
    figure = sheet(TITLE, 0.42 * len(cells) + 1.9)
    panels = figure.subplots(1, len(keys), sharey=True, squeeze=False)[0]
    for axes, key in zip(panels, keys, strict=True):
        reaches = [
            _draw_cell(axes, row, cell, values)
            for row, cell, values in zip(rows, cells, table[key], strict=True)
        ]
        metric = metric_of(matrix.results, key)
        axes.set_xlim(0, (max(reaches) or 1.0) * 1.34)
        axes.set_title(f"{metric.title}\n", fontsize=9.5)
        better = "more" if metric.higher_is_better else "less"
        axes.set_xlabel(f"{metric.unit} ({better} is better)")
        rule_x(axes)
        write_plain(axes, x=True)
        axes.locator_params(axis="x", nbins=4)
    panels[0].set_yticks(rows, [cell.name for cell in cells], color=INK)
    for label, cell in zip(panels[0].get_yticklabels(), cells, strict=True):
        label.set_color(codec_colour(cell.codec))
        label.set_fontweight("bold")
    panels[0].invert_yaxis()
    rounds = max(len(cell.counting) for cell in cells)
    return Drawing(
        figure,
        f"Bars: means over {counted(rounds, 'round')}, each a fresh cluster; dots: the rounds "
        "themselves; lines: 95 % intervals of the mean over rounds (wide while rounds are few).",
    )


FIGURE: Final = FigureKind(name="codec_by_store", title=TITLE, subject=Matrix, draw=draw)
