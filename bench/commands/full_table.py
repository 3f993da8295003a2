"""The table over the full-size cells: what the issue of full size asks of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.commands.summary import COLOURS, number
from bench.matrix import Turn
from bench.results import Results, UnreadableResultsError

COLUMNS: Final = (
    "pods/s",
    "steady s",
    "changes/s",
    "compactions",
    "start-up p99 ms",
    "calls p99 ms (client)",
    "(API server)",
    "anon MiB, all",
)


def print_full(directory: Path, planned: Sequence[Turn], console: Console) -> None:
    """Print a row a cell; cells without results have none but dashes."""
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("at full size", no_wrap=True)
    for title in COLUMNS:
        table.add_column(title, justify="right")
    table.add_column("verdict")
    for turn in planned:
        try:
            results = Results.read(directory / turn.directory)
        except UnreadableResultsError:
            table.add_row(turn.directory, *["-"] * len(COLUMNS), "no results")
            continue
        status = results.verdict.status
        table.add_row(turn.directory, *_numbers(results), f"[{COLOURS[status]}]{status}[/]")
    console.print(table)


def _numbers(results: Results) -> list[str]:
    measured = results.measurements
    anon_mib = sum(use.anon_max_mib for use in measured.processes.values())
    steady = measured.steady
    if steady is None:
        return [number(measured.throughput.pods_per_s), *["-"] * 6, number(anon_mib)]
    compactions = steady.compactions.in_phase if steady.compactions else None
    return [
        number(measured.throughput.pods_per_s),
        number(steady.seconds),
        number(steady.changes_per_s),
        "-" if compactions is None else str(compactions),
        *(number(aim.measured_ms) for aim in steady.aims.values()),
        number(anon_mib),
    ]
