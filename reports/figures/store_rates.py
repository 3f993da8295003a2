"""Stores loaded directly: operations a second over the number of callers, a line a server."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from reports.figures.canvas import rule_y, sheet, write_plain
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import INK, SOFT, store_colour
from reports.storebench_model import StoreBench, StoreTable
from reports.wording import plain

TITLE: Final = "Operations a second, by how many call at once"
CELL: Final = re.compile(
    r"(?P<server>\S+) (?P<what>\D\S*(?: \D\S*)*) c(?P<callers>\d+)"
    r"(?P<size>(?: \d+B)?(?: \d+ keys)?)"
)
"""Of the closed loop: with a rate, the rate is what was asked for."""
OTHERS: Final = re.compile(r"etcd(-v2)?(-3-members)?|\S+://\S+")
"""Servers that are not ours, or of which nobody said whose they are."""
_PANEL_IN: Final = 2.6
_COLUMNS_MAX: Final = 3
_LINE: Final = 0.075
"""The share of a panel's height that a line of its key takes, above everything drawn."""


class Point(NamedTuple):
    """A cell over its rounds."""

    callers: int
    per_s: float
    low: float
    high: float


Lines = dict[str, list[Point]]
"""By server."""


def panels_of(table: StoreTable) -> dict[str, Lines]:
    """Return what a table has to draw, by operation; empty where nothing is closed loop."""
    found: dict[str, Lines] = {}
    for line in table.lines:
        named, spread = CELL.fullmatch(line.cell), line.figures.get("per_s")
        if named is None or spread is None:
            continue
        point = Point(int(named["callers"]), spread.median, spread.low, spread.high)
        found.setdefault(named["what"] + named["size"], {}).setdefault(named["server"], []).append(
            point
        )
    return found


def has_rates(run: StoreBench) -> bool:
    """Return whether there is anything to draw."""
    return any(panels_of(table) for table in run.tables)


def generation(server: str) -> str:
    """Return what engine a server's name tells: etcd3, etcd2, or memory."""
    if "memory" in server:
        return "memory"
    return "etcd2" if "etcd2" in server or "v2" in server else "etcd3"


def _draw(axes: Axes, lines: Lines) -> None:
    for place, (server, points) in enumerate(lines.items()):
        points.sort()
        colour = store_colour(generation(server))
        style = "dashed" if OTHERS.fullmatch(server) else "solid"
        callers = [point.callers for point in points]
        filled = "white" if style == "dashed" else colour
        rates = [point.per_s for point in points]
        axes.plot(callers, rates, "o", ls=style, color=colour, ms=5, markerfacecolor=filled)
        for point in points:
            axes.plot([point.callers] * 2, [point.low, point.high], color=colour, linewidth=1)
        most = max(points, key=lambda point: point.per_s)
        axes.annotate(
            f"{server}{' (dashed)' if style == 'dashed' else ''}: {plain(most.per_s)}",
            (0.02, 0.98 - _LINE * place),
            xycoords="axes fraction",
            va="top",
            fontsize=8,
            color=colour,
        )


def _scale(axes: Axes, lines: Lines) -> None:
    counts = sorted({point.callers for points in lines.values() for point in points})
    axes.set_xscale("log", base=2)
    axes.set_xlim(counts[0] / 1.3, counts[-1] * 1.3)
    axes.set_xticks(counts, [f"{count}" for count in counts])
    axes.xaxis.set_minor_locator(NullLocator())
    top = max(point.high for points in lines.values() for point in points)
    axes.set_ylim(0, top / (0.97 - _LINE * len(lines)) or 1)
    write_plain(axes, y=True)
    rule_y(axes)


def draw(run: StoreBench) -> Drawing | None:
    """Draw a row of panels a table, a panel an operation."""
    rows = [(table.title, panels) for table in run.tables if (panels := panels_of(table))]
    if not rows:
        return None
    columns = min(max(len(panels) for _, panels in rows), _COLUMNS_MAX)
    height = sum(-(-len(panels) // columns) for _, panels in rows)
    figure = sheet(TITLE, _PANEL_IN * height + 0.6)
    grid = figure.subplots(height, columns, squeeze=False)
    at = 0
    for title, panels in rows:
        for number, (operation, lines) in enumerate(panels.items()):
            axes = grid[at + number // columns, number % columns]
            _draw(axes, lines)
            _scale(axes, lines)
            axes.set_title(f"{title}: {operation}" if number == 0 else operation, fontsize=9.5)
            axes.set_xlabel("callers", color=INK)
            if number % columns == 0:
                axes.set_ylabel("a second", color=SOFT)
        used = len(panels)
        last = at + (used - 1) // columns
        for column in range((used - 1) % columns + 1, columns):
            grid[last, column].set_visible(False)
        at = last + 1
    return Drawing(
        figure,
        "Each dot is the median of the valid rounds, each bar their range; beside a name, the most "
        "that it reached. Warm: etcd 2, cool: etcd 3, grey: memory; solid: ours, dashed and "
        "hollow: the real one. Panels have scales of their own, and places are never compared.",
    )


FIGURE: Final = FigureKind(name="store_rates", title=TITLE, subject=StoreBench, draw=draw)
