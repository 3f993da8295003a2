"""The way of a pod: its stages end to end, of the medians and of a slow pod, phase by phase."""

from __future__ import annotations

from typing import Final, NamedTuple

from matplotlib.axes import Axes

from reports.figures.canvas import key, rule_x, sheet, write_durations
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import INK
from reports.model import Run
from reports.waterfall_model import WaterfallPhase
from reports.waterfall_wording import KEY, words_of
from reports.wording import counted, duration_ms

TITLE: Final = "The way of a pod, from its create to Running"
SLOW: Final = 0.99
LABEL_SHARE_MIN: Final = 0.065
"""Of the panel's width: a narrower stage has no room for its time."""


class Way(NamedTuple):
    """A row: stages end to end."""

    label: str
    stages_ms: list[tuple[str, float]]

    @property
    def total_ms(self) -> float:
        return sum(length for _, length in self.stages_ms)


def draw(run: Run) -> Drawing | None:
    """Draw a panel a phase, two rows each, every panel to its own scale."""
    phases = run.results.measurements.waterfall.phases
    if not phases:
        return None
    figure = sheet(TITLE, 1.5 * len(phases) + 0.9)
    panels = figure.subplots(len(phases), squeeze=False)
    for axes, phase in zip(panels[:, 0], phases, strict=True):
        _panel(axes, phase)
    key(panels[0, 0], KEY, above=1.16)
    return Drawing(
        figure,
        "Upper row: the median of each stage over all pods, laid end to end. Lower row: one pod, "
        "the one that is slower than 99 % of its phase. Panels have scales of their own. Stamps "
        "are of one monotonic clock, taken in the process where each step happened.",
    )


def ways(phase: WaterfallPhase) -> list[Way]:
    """Return the rows of a phase: medians, then the slow pod where there is one."""
    names = [stage.name for stage in phase.stages]
    medians = [stage.latency.p50_ms or 0.0 for stage in phase.stages]
    rows = [Way("medians", list(zip(names, medians, strict=True)))]
    slow = min(phase.samples, key=lambda way: abs(way.rank - SLOW), default=None)
    if slow is not None and len(slow.stages_ms) == len(names):
        rows.append(Way("p99 pod", list(zip(names, slow.stages_ms, strict=True))))
    return rows


def _panel(axes: Axes, phase: WaterfallPhase) -> None:
    rows = ways(phase)
    top = max(row.total_ms for row in rows) or 1.0
    for place, row in enumerate(rows):
        at = 0.0
        for stage, length in row.stages_ms:
            colour = words_of(stage).colour
            axes.barh(place, length, left=at, height=0.6, color=colour, edgecolor="white")
            if length / top > LABEL_SHARE_MIN:
                axes.annotate(
                    duration_ms(length),
                    (at + length / 2, place),
                    ha="center",
                    va="center",
                    color="white" if colour == "#332288" else INK,
                    fontsize=8,
                )
            at += length
        axes.annotate(f" {duration_ms(at)}", (at, place), va="center", color=INK)
    axes.set_yticks(range(len(rows)), [row.label for row in rows], color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, top * 1.12)
    axes.set_title(f"{phase.phase}: {counted(phase.pods, 'pod')}")
    rule_x(axes)
    write_durations(axes)


FIGURE: Final = FigureKind(name="waterfall", title=TITLE, subject=Run, draw=draw)
