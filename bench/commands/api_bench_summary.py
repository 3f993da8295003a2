"""The terminal summary of an api-bench run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.apibench.results import ApiBench, Line, Spread
from bench.commands.summary import number, summary_console

COLUMNS: Final = {
    "per_s": "a second",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "max_ms": "max ms",
    "server_ms": "server CPU ms",
    "server_cores": "cores",
    "generator_us": "generator us",
    "generator_cores": "cores",
}
OTHERS: Final = (
    "writes_per_s", "write_p99_ms", "server_us_event", "watchers_cores",
    "list_s", "extra_mib", "kept_mib", "anon_mib", "restart_s", "answer_bytes",
)  # fmt: skip


def print_api_bench(results: ApiBench, report: Path | None = None) -> None:
    """Print one run, and where its report is, if it has one."""
    console = summary_console()
    rounds = max((row.round for row in results.rows), default=0)
    console.print(
        f"[bold]api-bench[/bold]: {results.server}, {rounds} rounds: medians, ranges in brackets",
        highlight=False,
    )
    _rates(results.lines, console)
    _others(results.lines, console)
    _goals(results.lines, console)
    for line in results.lines:
        for why in line.invalid:
            _say(console, f"  INVALID {line.cell}, {why}")
        for note in line.notes:
            _say(console, f"  {line.cell}, {note}")
    if report is not None:
        _say(console, f"  report: {report}")


def _rates(lines: list[Line], console: Console) -> None:
    table = _table("  cell", *COLUMNS.values())
    for line in lines:
        found = line.figures
        if "per_s" in found or "p50_ms" in found:
            cells = [_spread(found.get(name), ranged=name == "per_s") for name in COLUMNS]
            table.add_row(f"  {line.cell}", *cells)
    console.print(table)


def _others(lines: list[Line], console: Console) -> None:
    table = _table("  cell", "what", "measured")
    for line in lines:
        for name in OTHERS:
            if name in line.figures:
                table.add_row(f"  {line.cell}", name, _spread(line.figures[name]))
    console.print(table)


def _goals(lines: list[Line], console: Console) -> None:
    if not any(line.goals for line in lines):
        return
    table = _table("  aim", "what", "at least", "at most", "measured", "")
    for line in lines:
        for goal in line.goals:
            table.add_row(
                f"  {line.cell}",
                goal.figure,
                "" if goal.at_least is None else number(goal.at_least),
                "" if goal.at_most is None else number(goal.at_most),
                number(goal.measured),
                "[green]met[/]" if goal.met else "[red]missed[/]",
            )
    console.print(table)


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _spread(spread: Spread | None, *, ranged: bool = True) -> str:
    if spread is None:
        return ""
    if spread.rounds == 1 or not ranged:
        return number(spread.median)
    return f"{number(spread.median)} ({number(spread.low)}-{number(spread.high)})"


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
