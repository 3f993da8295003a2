"""The table of the store suite, for the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from bench.commands.summary import number
from bench.micro.store_results import StoreMicro


def print_store_micro(results: StoreMicro, console: Console) -> None:
    """Print a row an operation, a column an engine."""
    engines = list(dict.fromkeys(row.engine for row in results.rows))
    found = {(row.operation, row.engine): row for row in results.rows}
    table = Table(title="microseconds (standard deviation)", title_justify="left", box=None)
    table.add_column("operation")
    for engine in engines:
        table.add_column(engine, justify="right")
    for operation in dict.fromkeys(row.operation for row in results.rows):
        cells = [found.get((operation, engine)) for engine in engines]
        shown = [f"{number(row.mean_us)} ({number(row.stdev_us)})" if row else "-" for row in cells]
        table.add_row(operation, *shown)
    console.print(table)
    for note in results.notes:
        console.print(f"  {note}", highlight=False, soft_wrap=True)
