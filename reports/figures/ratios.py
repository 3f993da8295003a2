"""How many times better the reference codec does: ratios with intervals, beside the claim."""

from __future__ import annotations

from typing import Final, NamedTuple

from matplotlib.axes import Axes

from reports.claims import PROTOBUF_CLAIM
from reports.comparing import Cell, Comparison, Matrix, MatrixResults
from reports.figures.canvas import key, rule_x, sheet
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import INK, RULE, SOFT, codec_colour, tint
from reports.metrics import metric_of
from reports.wording import counted

TITLE: Final = "What the choice of codec changes"
METRICS: Final = ("pods_per_s", "startup_p99_ms", "cpu_ms_per_pod", "apiserver_cpu_fill_s")
_TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
_ROOM: Final = 1.3
"""The share of the axis that is left for numbers to the right of it, as a ratio."""
_SPREAD: Final = 0.36
"""Height of a row that the codecs of one metric and store share."""


class Gain(NamedTuple):
    """How many times better the reference does than another codec; above 1 is better."""

    metric: str
    store: str
    """And what else varies: ``memory, kubelet-writes patch``."""
    codec: str
    reference: str
    times: float
    low: float | None
    high: float | None
    rounds: int
    decided: bool


def _gain(item: Comparison, results: MatrixResults, cells: dict[str, Cell]) -> Gain:
    """Turn ``other / reference`` into the reference's gain, whichever way is better."""
    times, low, high = item.ratio, item.low, item.high
    if metric_of(results, item.metric).higher_is_better:
        times = 1 / times
        low, high = (1 / high if high else None), (1 / low if low else None)
    other, reference = cells[item.numerator], cells[item.denominator]
    return Gain(
        item.metric,
        results.place(other),
        other.codec,
        reference.codec,
        times,
        low if low and low > 0 else None,
        high if high and high > 0 else None,
        item.rounds,
        item.decided,
    )


def gains(matrix: Matrix) -> list[Gain]:
    """Return the gains of the codec axis, in the order of ``METRICS``."""
    cells = {cell.name: cell for cell in matrix.results.cells}
    return [
        _gain(item, matrix.results, cells)
        for metric in METRICS
        for item in matrix.results.comparisons
        if item.axis == "codec" and item.metric == metric and item.ratio > 0
        if item.numerator in cells and item.denominator in cells
    ]


def _draw_gain(axes: Axes, row: float, gain: Gain) -> None:
    """Draw a dot, its interval and its number; the axis must have its limits already."""
    colour = codec_colour(gain.codec)
    first, last = axes.get_xlim()
    end = gain.times
    if gain.low is not None and gain.high is not None:
        end = min(gain.high, last / _ROOM)
        axes.plot([max(gain.low, first), end], [row, row], color=colour, linewidth=1.6)
    filled = colour if gain.decided else "white"
    axes.plot(gain.times, row, "o", color=colour, markerfacecolor=filled, markersize=7)
    axes.annotate(
        f"{gain.times:.2f}x",
        (min(end, last / _ROOM), row),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=INK,
    )


def _scale(axes: Axes, found: list[Gain]) -> None:
    """Span the axis over the gains and the claim; ticks at round ratios."""
    low = min(0.8, *(gain.low or gain.times for gain in found)) / 1.2
    high = max(PROTOBUF_CLAIM[1], *(gain.high or gain.times for gain in found)) * 1.4
    # An interval of two or three rounds can span decades; the sheet shows what can be told apart.
    low, high = max(low, 0.08), min(high, 60.0)
    ticks = [tick for tick in _TICKS if low < tick < high]
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    axes.minorticks_off()


def draw(matrix: Matrix) -> Drawing | None:
    """Draw a row a metric and store: hollow dots where undecided, filled where decided."""
    found = gains(matrix)
    if not found:
        return None
    rows = list(dict.fromkeys((gain.metric, gain.store) for gain in found))
    codecs = list(dict.fromkeys(gain.codec for gain in found))
    figure = sheet(TITLE, 0.52 * len(rows) + 1.7)
    axes = figure.subplots()
    low, high = PROTOBUF_CLAIM
    axes.axvspan(low, high, color=tint(SOFT, 0.16), linewidth=0)
    axes.axvline(1, color=SOFT, linewidth=1)
    _scale(axes, found)
    for gain in found:
        step = codecs.index(gain.codec) - (len(codecs) - 1) / 2
        at = rows.index((gain.metric, gain.store)) + step * _SPREAD / max(len(codecs) - 1, 1)
        _draw_gain(axes, at, gain)
    for at, (metric, _) in enumerate(rows):
        if at and metric != rows[at - 1][0]:
            axes.axhline(at - 0.5, color=RULE, linewidth=0.8)
    labels = [f"{metric_of(matrix.results, metric).title}\non {place}" for metric, place in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=8.5, color=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    rule_x(axes)
    reference = found[0].reference
    axes.set_xlabel(f"times better with {reference}, logarithmic; 1x: no difference", color=INK)
    key(
        axes,
        [(f"{reference} against {codec}", codec_colour(codec)) for codec in codecs]
        + [(f"claimed for serialization: {low:g}-{high:g}x", tint(SOFT, 0.3))],
    )
    rounds = max(gain.rounds for gain in found)
    return Drawing(
        figure,
        f"Right of 1, {reference} is better. Geometric means of the ratios of "
        f"{counted(rounds, 'round')}, paired by round, with 95 % intervals; a hollow dot is "
        "undecided. The grey band is what the slides claim for serialization alone, not for a "
        "whole cluster.",
    )


FIGURE: Final = FigureKind(name="ratios", title=TITLE, subject=Matrix, draw=draw)
