"""The terminal summary of an api-bench run."""

from __future__ import annotations

from rich.table import Table

from bench.apibench.results import ApiBench
from bench.commands.summary import number, summary_console


def print_api_bench(results: ApiBench) -> None:
    """Print one run."""
    console = summary_console()
    console.print(f"[bold]api-bench[/bold]: {results.server}", highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  cell")
    for column in ("a second", "p50 ms", "p90 ms", "p99 ms", "max ms"):
        table.add_column(column, justify="right")
    for column in ("server CPU ms", "cores", "generator us", "cores", "bytes"):
        table.add_column(column, justify="right")
    for row in results.rows:
        latency, values = row.latency, row.values
        table.add_row(
            f"  {row.cell}",
            number(values.get("per_s")),
            *(number(v) for v in (latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.max_ms)),
            _precise(values.get("server_ms")),
            number(values.get("server_cores")),
            number(values.get("generator_us")),
            number(values.get("generator_cores")),
            number(values.get("answer_bytes")),
        )
    console.print(table)
    for row in results.rows:
        for why in row.invalid:
            _line(f"  INVALID {row.cell}: {why}")
        for note in row.notes:
            _line(f"  {row.cell}: {note}")


def _line(text: str) -> None:
    summary_console().print(text, highlight=False, markup=False, soft_wrap=True)


def _precise(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
