"""etcd 2 and etcd 3: every claim's ratio, what watchers cost, and the rate of one watcher."""

from __future__ import annotations

from typing import Final

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from reports.figures.canvas import key, rule_x, rule_y, sheet, write_plain
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import ALARM, INK, RULE, SOFT
from reports.generations_model import Generations, Line
from reports.wording import counted, plain

RATIOS_TITLE: Final = "Each claim: above 1 it holds"
WATCHERS_TITLE: Final = "What watchers cost the server"
RATES_TITLE: Final = "Events to one watcher"
COLOURS: Final = {
    "etcd2-real": "#d55e00",
    "etcd3-real": "#0072b2",
    "etcd2": "#e69f00",
    "etcd3": "#56b4e9",
}
"""Old ones warm, new ones cool; real ones dark."""
FAMILY_COLOURS: Final = {"real": "#332288", "ours": "#44aa99"}
TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
BOUNDS: Final = (0.08, 125.0)
CLAIMED_PER_S: Final = 500.0
PANELS: Final = {
    "b_idle_anon_mib_at_{}": "Memory, idle, MiB",
    "b_flow_anon_mib_at_{}": "Memory, events, MiB",
    "b_flow_cpu_us_per_event_at_{}": "CPU an event, µs",
}
COUNTS: Final = (1, 100, 1000)
BAR: Final = 0.2


def _within(value: float) -> float:
    return min(max(value, BOUNDS[0]), BOUNDS[1])


def _standing(line: Line) -> float:
    """Return where a line's dot stands; where one of the two is 0 it stands at the edge."""
    if line.ratio is not None:
        return _within(line.ratio)
    older = line.older.mean if line.older else 0.0
    newer = line.newer.mean if line.newer else 0.0
    right = (older > newer) == line.words.startswith("etcd 2")
    return BOUNDS[1] if right and older != newer else BOUNDS[0]


def _draw_line(axes: Axes, at: float, line: Line) -> None:
    colour = FAMILY_COLOURS[line.family]
    if line.low is not None and line.high is not None:
        ends = (_within(line.low), _within(line.high))
        axes.plot(ends, (at, at), color=colour, linewidth=2.2, alpha=0.55)
    decided = line.verdict != "undecided"
    axes.plot(
        _standing(line),
        at,
        "o",
        color=colour,
        markersize=6.5,
        markeredgewidth=1.4,
        markerfacecolor=colour if decided else "white",
        clip_on=False,
        zorder=3,
    )


def draw_ratios(run: Generations) -> Drawing | None:
    """Draw a row for each measure, a dot with its interval for each family."""
    measured = [line for line in run.lines if line.rounds]
    measures = list(dict.fromkeys(line.measure for line in measured))
    if not measures:
        return None
    figure = sheet(RATIOS_TITLE, 0.3 * len(measures) + 1.6)
    axes = figure.subplots()
    labels = []
    for at, measure in enumerate(measures):
        lines = [line for line in measured if line.measure == measure]
        for number, line in enumerate(lines):
            _draw_line(axes, at + (number - 0.5) * 0.28 * (len(lines) - 1), line)
        if lines[0].size is not None:
            axes.plot(_within(lines[0].size), at, "|", color=ALARM, markersize=14)
        labels.append(f"{lines[0].row}  {lines[0].title}")
    axes.axvline(1.0, color=INK, linewidth=1.0)
    axes.set_xscale("log")
    axes.set_xlim(*BOUNDS)
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    axes.set_yticks(range(len(measures)), labels, color=INK, fontsize=8)
    axes.set_ylim(len(measures) - 0.4, -0.6)
    axes.set_xlabel("as claimed is to the right of 1, the opposite to the left")
    rule_x(axes)
    key(axes, [*FAMILY_COLOURS.items(), ("claimed size", ALARM)])
    return Drawing(
        figure,
        f"Dots: geometric means over {counted(run.rounds, 'round')}, larger / smaller as the claim "
        "names them; bars: 95 % intervals; hollow: undecided; red marks: the size that was "
        "claimed. What lies beyond the sheet, or has no ratio since one value is 0, stands at its "
        "edge.",
    )


def draw_watchers(run: Generations) -> Drawing | None:
    """Draw memory and CPU over the number of watchers."""
    if not any(each.name.startswith("b_idle_anon_mib") for each in run.details):
        return None
    figure = sheet(WATCHERS_TITLE, 3.8)
    drawn = figure.subplots(1, len(PANELS), squeeze=False)[0]
    for axes, (name, title) in zip(drawn, PANELS.items(), strict=True):
        for number, subject in enumerate(COLOURS):
            _draw_bars(axes, run, name, subject, (number - 1.5) * BAR)
        axes.set_xticks(range(len(COUNTS)), [f"{count:,}" for count in COUNTS])
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("watchers")
        rule_y(axes)
    drawn[-1].set_yscale("log")
    drawn[-1].minorticks_off()
    for axes in drawn:
        write_plain(axes, y=True)
    handles = [Patch(color=colour, label=subject) for subject, colour in COLOURS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return Drawing(
        figure,
        f"Means over {counted(run.rounds, 'round')}, lines: 95 % intervals. CPU is that of "
        "the writes over the events that they made, on a logarithmic scale: with one "
        "watcher it is the write's.",
    )


def _draw_bars(axes: Axes, run: Generations, name: str, subject: str, shift: float) -> None:
    for at, count in enumerate(COUNTS):
        found = run.detail(name.format(count), subject)
        if found is None or found.mean <= 0:
            continue
        axes.bar(at + shift, found.mean, width=BAR * 0.9, color=COLOURS[subject])
        if found.low is not None and found.high is not None:
            ends = (max(found.low, found.mean / 10), found.high)
            axes.plot((at + shift, at + shift), ends, color=INK, linewidth=1.0)


def draw_rates(run: Generations) -> Drawing | None:
    """Draw the highest rate at which one watcher keeps up, beside what was claimed."""
    ways = {"a_poll_per_s": "a poll an event", "a_stream_per_s": "a stream"}
    rows = [
        (subject, way, found)
        for subject in COLOURS
        for way in ways
        if (found := run.detail(way, subject)) is not None
    ]
    if not rows:
        return None
    figure = sheet(RATES_TITLE, 0.42 * len(rows) + 1.5)
    axes = figure.subplots()
    for at, (subject, _, found) in enumerate(rows):
        axes.barh(at, found.mean, height=0.66, color=COLOURS[subject])
        if found.low is not None and found.high is not None:
            axes.plot((max(found.low, 0.0), found.high), (at, at), color=INK, linewidth=1.4)
        axes.annotate(
            f" {plain(found.mean)}",
            (max(found.mean, found.high or 0.0), at),
            va="center",
            color=INK,
            fontweight="bold",
        )
    axes.axvline(CLAIMED_PER_S, color=ALARM, linewidth=1.4)
    axes.annotate(
        "500: more than etcd 2 could, it was said",
        (CLAIMED_PER_S * 1.1, -0.62),
        color=ALARM,
        fontsize=8,
    )
    axes.set_yticks(
        range(len(rows)), [f"{subject}, {ways[way]}" for subject, way, _ in rows], color=INK
    )
    axes.set_ylim(len(rows) - 0.4, -0.9)
    axes.margins(x=0.14)
    axes.set_xlabel("events a second (more is better)", color=SOFT)
    axes.spines["bottom"].set_color(RULE)
    rule_x(axes)
    write_plain(axes, x=True)
    return Drawing(
        figure,
        f"Means over {counted(run.rounds, 'round')}, lines: 95 % intervals. The rates that were "
        "tried in the end lie a factor of 1.09 apart; some end where the server takes no more "
        "writes.",
    )


FIGURE: Final = FigureKind(
    name="generation_ratios", title=RATIOS_TITLE, subject=Generations, draw=draw_ratios
)
WATCHERS_FIGURE: Final = FigureKind(
    name="generation_watchers", title=WATCHERS_TITLE, subject=Generations, draw=draw_watchers
)
RATES_FIGURE: Final = FigureKind(
    name="generation_rates", title=RATES_TITLE, subject=Generations, draw=draw_rates
)
