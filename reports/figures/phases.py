"""The phases of a run, marked on an axis of time."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from reports.figures.palette import SOFT
from reports.model import Phase


def mark_phases(stack: Sequence[Axes], phases: Sequence[Phase]) -> None:
    """Draw the beginning of each phase through a stack of axes, its name on the topmost.

    To be called when the axes have their limits; a phase beyond them is not drawn.
    """
    first, last = stack[0].get_xlim()
    for phase in phases:
        if not first <= phase.start_s < last:
            continue
        for axes in stack:
            axes.axvline(phase.start_s, color=SOFT, linewidth=0.8, linestyle=(0, (1, 2)))
        name = stack[0].annotate(
            f" {phase.name}",
            (phase.start_s, 1.0),
            xycoords=("data", "axes fraction"),
            va="top",
            color=SOFT,
            fontsize=9,
        )
        name.set_in_layout(False)
