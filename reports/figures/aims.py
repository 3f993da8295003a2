"""Single operations: how each measured figure stands to its aim, as dots with their range."""

from __future__ import annotations

from typing import Final, NamedTuple

from matplotlib.axes import Axes

from reports.apibench_model import ApiBench, Goal, Line
from reports.figures.canvas import key, rule_x, sheet
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import ALARM, INK, MAIN, SOFT

TITLE: Final = "Single operations: how far beyond their aims"
_TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_BOUNDS: Final = (0.08, 120.0)
"""The sheet shows what can be told apart; what lies beyond stands at its edge."""
_UNITS: Final = {
    "per_s": "a second",
    "writes_per_s": "writes a second",
    "server_ms": "server CPU",
    "list_s": "time",
    "extra_mib": "extra memory",
    "anon_mib": "memory",
    "restart_s": "time",
}


class Standing(NamedTuple):
    """How many times better than its aim something is; above 1 is met."""

    label: str
    times: float
    low: float
    high: float
    met: bool


def _times(goal: Goal, value: float) -> float:
    if goal.at_least:
        return value / goal.at_least
    return (goal.at_most or 0.0) / value if value > 0 else _BOUNDS[1]


def _standing(line: Line, goal: Goal) -> Standing | None:
    spread = line.figures.get(goal.figure)
    if spread is None:
        return None
    low, high = sorted((_times(goal, spread.low), _times(goal, spread.high)))
    what = _UNITS.get(goal.figure, goal.figure.replace("_ms", ""))
    return Standing(f"{line.cell}: {what}", _times(goal, spread.median), low, high, goal.met)


def standings(run: ApiBench) -> list[Standing]:
    """Return all aims that something was measured for."""
    found = (_standing(line, goal) for line in run.lines for goal in line.goals)
    return [standing for standing in found if standing is not None]


def _within(times: float) -> float:
    return min(max(times, _BOUNDS[0]), _BOUNDS[1])


def _draw(axes: Axes, found: list[Standing]) -> None:
    axes.axvline(1, color=SOFT, linewidth=1)
    for at, standing in enumerate(found):
        colour = MAIN if standing.met else ALARM
        ends = [_within(standing.low), _within(standing.high)]
        axes.plot(ends, [at, at], color=colour, linewidth=1.6)
        axes.plot(_within(standing.times), at, "o", color=colour, markersize=6)
    axes.set_xscale("log")
    axes.set_xlim(_BOUNDS[0] / 1.1, _BOUNDS[1] * 1.1)
    axes.set_xticks(_TICKS, [f"{tick:g}x" for tick in _TICKS])
    axes.minorticks_off()


def draw(run: ApiBench) -> Drawing | None:
    """Draw a row an aim: right of 1 it is met."""
    found = standings(run)
    if not found:
        return None
    figure = sheet(TITLE, 0.26 * len(found) + 1.6)
    axes = figure.subplots()
    _draw(axes, found)
    axes.set_yticks(range(len(found)), [each.label for each in found], fontsize=8, color=INK)
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlabel("times better than aimed at, logarithmic; right of 1x: met", color=INK)
    rule_x(axes)
    key(axes, [("met", MAIN), ("missed", ALARM)])
    return Drawing(
        figure,
        "Each dot is the median of the valid rounds, each bar their range, in multiples of the "
        "aim: twice the rate, or half of the time, is 2x. Generator, watchers and server share one "
        "machine.",
    )


FIGURE: Final = FigureKind(name="aims", title=TITLE, subject=ApiBench, draw=draw)
