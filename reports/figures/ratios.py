"""What a codec or a store costs against another one: ratios with intervals, beside the claim."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes

from reports.claims import PROTOBUF_CLAIM
from reports.comparing import Comparison, Matrix
from reports.figures.canvas import rule_x, sheet
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import INK, RULE, SOFT, codec_colour, tint
from reports.metrics import metric_of
from reports.wording import counted, plain

TITLE: Final = "What the choice of codec changes"
METRICS: Final = ("pods_per_s", "startup_p99_ms", "cpu_ms_per_pod", "apiserver_cpu_fill_s")
_LOW: Final = 0.2


def chosen(matrix: Matrix) -> list[Comparison]:
    """Return the comparisons of codecs that are drawn, grouped by metric."""
    wanted = [
        item
        for item in matrix.results.comparisons
        if item.axis == "codec" and item.metric in METRICS and item.ratio > 0
    ]
    return sorted(wanted, key=lambda item: METRICS.index(item.metric))


def _draw_row(axes: Axes, row: float, item: Comparison, codec: str) -> None:
    colour = codec_colour(codec)
    if item.low is not None and item.high is not None:
        axes.plot([max(item.low, 0.01), item.high], [row, row], color=colour, linewidth=1.6)
    filled = colour if item.decided else "white"
    axes.plot(item.ratio, row, "o", color=colour, markerfacecolor=filled, markersize=7)
    axes.annotate(
        f"{item.ratio:.2f}x",
        (item.ratio, row),
        xytext=(0, 7),
        textcoords="offset points",
        ha="center",
        fontsize=8.5,
        color=INK,
    )


def _bounds(items: list[Comparison]) -> tuple[float, float]:
    lows = [item.low or item.ratio for item in items if (item.low or item.ratio) > 0]
    highs = [item.high or item.ratio for item in items]
    return max(min(*lows, 0.8) / 1.3, _LOW / 2), max(*highs, PROTOBUF_CLAIM[1]) * 1.25


def draw(matrix: Matrix) -> Drawing | None:
    """Draw a row for each comparison of codecs: hollow where undecided, filled where decided."""
    items = chosen(matrix)
    if not items:
        return None
    codecs = {cell.name: cell.codec for cell in matrix.results.cells}
    figure = sheet(TITLE, 0.5 * len(items) + 1.6)
    axes = figure.subplots()
    low, high = PROTOBUF_CLAIM
    axes.axvspan(low, high, color=tint(SOFT, 0.16), linewidth=0)
    axes.axvline(1, color=SOFT, linewidth=1)
    for row, item in enumerate(items):
        _draw_row(axes, row, item, codecs.get(item.numerator, ""))
        if row and item.metric != items[row - 1].metric:
            axes.axhline(row - 0.5, color=RULE, linewidth=0.8)
    labels = [
        f"{metric_of(matrix.results, item.metric).title}\n{item.numerator} / {item.denominator}"
        for item in items
    ]
    axes.set_yticks(np.arange(len(items)), labels, fontsize=8.5, color=INK)
    axes.set_ylim(len(items) - 0.4, -0.7)
    axes.set_xscale("log")
    axes.set_xlim(*_bounds(items))
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if tick < axes.get_xlim()[1]]
    axes.set_xticks([tick for tick in ticks if tick > axes.get_xlim()[0]])
    axes.set_xticklabels([f"{plain(tick).rstrip('0').rstrip('.')}x" for tick in axes.get_xticks()])
    axes.minorticks_off()
    axes.annotate(
        f"claimed for protobuf\nagainst JSON: {low:g}-{high:g}x",
        ((low * high) ** 0.5, -0.62),
        ha="center",
        va="top",
        fontsize=8.5,
        color=SOFT,
    )
    axes.set_xlabel("ratio, logarithmic; 1 means no difference")
    rule_x(axes)
    rounds = max(item.rounds for item in items)
    return Drawing(
        figure,
        f"Geometric means of the ratios of {counted(rounds, 'round')}, paired by round, with 95 % "
        "intervals; a hollow dot is undecided. The grey band is what the slides claim for the "
        "serialization alone, not for a whole cluster.",
    )


FIGURE: Final = FigureKind(name="ratios", title=TITLE, subject=Matrix, draw=draw)
