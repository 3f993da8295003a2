"""The codecs alone: time to encode and to decode each object, as dots on a logarithmic axis."""

from __future__ import annotations

from typing import Final

from matplotlib.axes import Axes

from reports.comparing import CodecResults, CodecRow
from reports.figures.canvas import key, rule_x, sheet
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import INK, RULE, codec_colour
from reports.wording import round_ms

TITLE: Final = "Codecs alone: time for one object"
_SPREAD: Final = 0.13
"""Codecs stand so far apart within a row: equal times would hide one another."""
_LEVEL_TITLES: Final = {
    "wire": "wire: bytes ↔ plain tree",
    "typed": "typed: bytes ↔ message",
}


def _rows(results: CodecResults) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row.shape, row.direction) for row in results.rows))


def _draw_level(
    axes: Axes, rows: list[tuple[str, str]], codecs: list[str], found: list[CodecRow]
) -> None:
    for at, wanted in enumerate(rows):
        here = [row for row in found if (row.shape, row.direction) == wanted]
        times = [row.mean_us for row in here]
        if times:
            axes.plot([min(times), max(times)], [at, at], color=RULE, linewidth=3, zorder=1)
        for row in here:
            aside = (codecs.index(row.codec) - (len(codecs) - 1) / 2) * _SPREAD
            axes.plot(row.mean_us, at + aside, "o", color=codec_colour(row.codec), markersize=7)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(
        lambda value, _: f"{value:g} µs" if value < 1000 else round_ms(value / 1000)
    )
    axes.xaxis.set_minor_formatter(lambda _value, _at: "")
    axes.set_xlabel("time, logarithmic (less is better)")
    rule_x(axes)


def draw(results: CodecResults) -> Drawing | None:
    """Draw a panel a level, a row for each object and direction, a dot a codec."""
    codecs = list(dict.fromkeys(row.codec for row in results.rows))
    present = dict.fromkeys(row.level for row in results.rows)
    levels = sorted(present, key=lambda level: (level not in _LEVEL_TITLES, level != "wire"))
    if not levels:
        return None
    rows = _rows(results)
    figure = sheet(TITLE, 0.36 * len(rows) + 1.7)
    panels = figure.subplots(1, len(levels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, level in zip(panels, levels, strict=True):
        _draw_level(axes, rows, codecs, [row for row in results.rows if row.level == level])
        axes.set_title(_LEVEL_TITLES.get(level, level) + "\n")
    panels[0].set_yticks(range(len(rows)), [f"{shape}, {way}" for shape, way in rows], color=INK)
    panels[0].set_ylim(len(rows) - 0.4, -0.6)
    key(panels[0], [(codec, codec_colour(codec)) for codec in codecs])
    return Drawing(
        figure,
        "Each codec by itself, in one process, measured with pyperf. Wire is the text or the "
        "bytes alone; typed is what the control plane does, and for JSON contains the price of "
        "turning a tree into our object model.",
    )


FIGURE: Final = FigureKind(name="codecs", title=TITLE, subject=CodecResults, draw=draw)
