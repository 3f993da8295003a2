"""The terminal summary of a store-bench run: tables in Markdown, one a place."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.apibench.results import Goal, Line, Spread
from bench.commands.summary import number
from bench.storebench.results import Comparison, StoreBench, Table

COLUMNS: Final = {
    "per_s": "a second",
    "p50_ms": "p50 ms",
    "p90_ms": "p90 ms",
    "p99_ms": "p99 ms",
    "max_ms": "max ms",
    "syncs_per_s": "syncs/s",
    "writes_per_sync": "writes a sync",
    "backend_syncs_per_s": "backend syncs/s",
    "server_us": "server CPU us",
    "server_cores": "server cores",
    "store_cores": "cores of the store",
    "client_us": "client CPU us",
    "client_cores": "client cores",
    "writes_per_s": "writes/s",
    "write_p99_ms": "p99 of a write, ms",
    "kib_per_watch": "KiB a watch",
    "anon_before_mib": "anon MiB before",
    "anon_after_mib": "anon MiB after",
    "opened_per_s": "opened a second",
    "process_us": "CPU us",
    "process_cores": "cores",
    "others_cores": "cores of others",
    "idle_cores": "idle cores",
}


def print_store_bench(results: StoreBench, report: Path | None = None) -> None:
    """Print one run, and where its report is, if it has one."""
    lines = [*lines_of(results), *([f"report: {report}"] if report is not None else [])]
    sys.stdout.write("\n".join(lines) + "\n")


def lines_of(results: StoreBench) -> Iterator[str]:
    """Yield the summary, line by line: a table a place, never mixed."""
    rounds = max((row.round for row in results.rows), default=0)
    counted = "1 round" if rounds == 1 else f"{rounds} rounds: medians, ranges in brackets"
    yield f"store-bench: {counted}"
    for table in results.tables:
        yield ""
        yield f"### {table.title}"
        yield ""
        yield from markdown(table)
        for line in table.lines:
            yield from (f"- INVALID {line.cell}, {why}" for why in line.invalid)
            yield from (f"- {line.cell}, {note}" for note in line.notes)
            yield from (goal_line(line.cell, goal) for goal in line.goals)
        yield from (comparison_line(each) for each in table.comparisons)
    yield from (f"skipped: {why}" for why in results.skipped)


def goal_line(cell: str, goal: Goal) -> str:
    """Return what was aimed at, and whether it is met."""
    aim = f">= {goal.at_least:g}" if goal.at_least is not None else f"<= {goal.at_most:g}"
    met = "met" if goal.met else "missed"
    return f"- aim {cell}, {goal.figure} {aim}: {number(goal.measured)}, {met}"


def comparison_line(each: Comparison) -> str:
    """Return one server over another, with the interval where there is one."""
    if each.low is None or each.high is None:
        reach = "one round"
    else:
        reach = f"{each.low:.2f}-{each.high:.2f}, {each.rounds} rounds"
    said = f"- {each.what}: {each.server} / {each.over} = {each.ratio:.2f} ({reach})"
    if each.at_least is None:
        return said
    met = "met" if each.ratio >= each.at_least else "missed"
    return f"{said}; aim >= {each.at_least:g}, {met}"


def markdown(table: Table) -> Iterator[str]:
    """Yield a table in Markdown; columns that nobody has are left out."""
    shown = [name for name in COLUMNS if any(name in line.figures for line in table.lines)]
    grid = [["cell", *(COLUMNS[name] for name in shown)]]
    grid += [[line.cell, *_figures(line, shown)] for line in table.lines]
    widths = [max(len(row[at]) for row in grid) for at in range(len(grid[0]))]
    for at, row in enumerate(grid):
        cells = [row[0].ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
        yield f"| {' | '.join(cells)} |"
        if at == 0:
            rules = ["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]
            yield f"|{'|'.join(rules)}|"


def _figures(line: Line, shown: Sequence[str]) -> list[str]:
    return [_spread(line.figures.get(name), ranged=name == "per_s") for name in shown]


def _spread(spread: Spread | None, *, ranged: bool) -> str:
    if spread is None:
        return ""
    if spread.rounds == 1 or not ranged:
        return number(spread.median)
    return f"{number(spread.median)} ({number(spread.low)}-{number(spread.high)})"
