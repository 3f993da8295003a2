"""Where the CPU goes: a stacked bar a process, a part a layer."""

from __future__ import annotations

from typing import Final

from matplotlib.axes import Axes

from reports.attribution_model import ProcessLayers
from reports.figures.canvas import key, rule_x, sheet, write_plain
from reports.figures.kind import Drawing, FigureKind
from reports.figures.palette import INK, SOFT
from reports.layer_wording import REST, REST_COLOUR, in_order, words_of
from reports.model import Run, process_order
from reports.wording import plain, process_title

TITLE: Final = "CPU by layer"
SHARE_A_CHARACTER: Final = 0.0105
"""Of the longest bar: a part that is narrower than its number is long has no room for it."""

Part = tuple[str, float, str]
"""Title, CPU seconds, colour."""


def draw(run: Run) -> Drawing | None:
    """Draw a bar a process, its layers in the order of a request's way, the rest behind."""
    processes = run.results.measurements.layers.processes
    names = process_order(processes)
    in_fill = bool(names) and all(processes[name].cpu_fill_s is not None for name in names)
    bars = {name: _parts(processes[name], in_fill=in_fill) for name in names}
    if not any(parts for parts in bars.values()):
        return None
    figure = sheet(TITLE, 0.62 * len(bars) + 3.4)
    axes = figure.subplots()
    _draw_bars(axes, bars)
    axes.set_xlabel("CPU s in the fill" if in_fill else "CPU s", color=SOFT)
    when = "While the pods came up." if in_fill else "Over all phases."
    return Drawing(
        figure,
        f"{when} Layers are sampled by each process, every few ms of its CPU; what is in none of "
        "them is the event loop, its tasks, receiving and polling.",
    )


def _parts(process: ProcessLayers, *, in_fill: bool) -> list[Part]:
    parts: list[Part] = []
    for layer in in_order(process.layers):
        cpu_s = layer.cpu_fill_s if in_fill else layer.cpu_s
        if cpu_s:
            words = words_of(layer.name)
            parts.append((words.title, cpu_s, words.colour))
    rest_s = process.rest_fill_s if in_fill else process.rest_s
    if rest_s is not None and rest_s > 0:
        parts.append((REST, rest_s, REST_COLOUR))
    return parts


def _draw_bars(axes: Axes, bars: dict[str, list[Part]]) -> None:
    top = max(sum(part[1] for part in parts) for parts in bars.values()) or 1.0
    named: dict[str, str] = {}
    for row, parts in enumerate(bars.values()):
        left = 0.0
        for title, cpu_s, colour in parts:
            axes.barh(row, cpu_s, left=left, height=0.66, color=colour)
            number = plain(cpu_s)
            if cpu_s > top * SHARE_A_CHARACTER * len(number):
                middle = (left + cpu_s / 2, row)
                axes.annotate(number, middle, ha="center", va="center", fontsize=8.5)
            named.setdefault(title, colour)
            left += cpu_s
        axes.annotate(f" {plain(left)} s", (left, row), va="center", color=INK)
    axes.set_yticks(range(len(bars)), [process_title(name) for name in bars], color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, top * 1.12)
    rule_x(axes)
    write_plain(axes, x=True)
    key(axes, list(named.items()))


FIGURE: Final = FigureKind(name="attribution", title=TITLE, subject=Run, draw=draw)
