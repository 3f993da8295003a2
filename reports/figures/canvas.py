"""The sheet that every figure is drawn on, and its two files: the same bytes for the same data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from reports.figures.palette import INK, RULE, SOFT
from reports.wording import round_ms

WIDTH_IN: Final = 9.0
"""At 100 points an inch the 900 px of a page's column."""
_PNG_DPI: Final = 160
_KEY_IN: Final = 7.6
"""What the names of a panel's rows leave of the sheet's width."""
_KEY_ENTRY_IN: Final = 0.4
_KEY_LETTER_IN: Final = 0.075
"""Of the widest text that is usual, at the size that ``house_style`` sets."""


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and save in the house's style; leaves matplotlib's own settings as they were."""
    with mpl.rc_context(
        {
            "axes.edgecolor": SOFT,
            "axes.facecolor": "white",
            "axes.labelcolor": SOFT,
            "axes.labelsize": 9.5,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlecolor": INK,
            "axes.titlelocation": "left",
            "axes.titlesize": 10.5,
            "axes.titleweight": "bold",
            "axes.axisbelow": True,
            "figure.facecolor": "white",
            "font.family": "DejaVu Sans",
            "font.size": 9.5,
            "grid.color": RULE,
            "grid.linewidth": 0.8,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "svg.fonttype": "path",
            "svg.hashsalt": "kubedyno",
            "text.color": INK,
            "xtick.color": SOFT,
            "ytick.color": SOFT,
        }
    ):
        yield


def sheet(title: str, height_in: float) -> Figure:
    """Return an empty figure with its title, set to the left."""
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.012, ha="left", fontsize=13, fontweight="bold", color=INK)
    return figure


def png(figure: Figure) -> bytes:
    """Return the figure as PNG."""
    out = BytesIO()
    figure.savefig(out, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return out.getvalue()


def svg(figure: Figure) -> bytes:
    """Return the figure as SVG, with no date in it."""
    out = BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def rule_x(axes: Axes) -> None:
    """Rule the sheet for values read off the horizontal axis."""
    axes.grid(visible=True, axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def rule_y(axes: Axes) -> None:
    """Rule the sheet for values read off the vertical axis."""
    axes.grid(visible=True, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def write_plain(axes: Axes, *, x: bool = False, y: bool = False) -> None:
    """Write an axis' numbers as the rest of the report does."""
    for wanted, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if wanted:
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def write_durations(axes: Axes) -> None:
    """Write a horizontal axis in milliseconds as times: 10 ms, 1 s."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: round_ms(value)))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda _value, _at: ""))


def key(axes: Axes, entries: Sequence[tuple[str, str]], *, above: float = 1.0) -> None:
    """Set (text, colour) above a panel, in as many rows as the sheet is too narrow for: its key."""
    axes.legend(
        handles=[Patch(color=colour, label=text) for text, colour in entries],
        loc="lower left",
        bbox_to_anchor=(0.0, above),
        ncols=_key_columns([text for text, _ in entries]),
        borderaxespad=0.4,
        borderpad=0.0,
        columnspacing=1.6,
        handlelength=0.9,
        handleheight=0.9,
        handletextpad=0.5,
    )


def _key_columns(texts: Sequence[str]) -> int:
    """Return into how many columns a key goes; one that is too wide leaves no room for a panel."""
    widths_in = [_KEY_ENTRY_IN + _KEY_LETTER_IN * len(text) for text in texts]
    if sum(widths_in) <= _KEY_IN:
        return len(texts)
    return max(1, int(_KEY_IN / max(widths_in)))
