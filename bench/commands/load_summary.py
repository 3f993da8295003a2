"""The terminal summary of a locust run."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from bench.commands.summary import COLOURS, number, summary_console
from bench.load.settings import LocustResults


def print_load(results: LocustResults, report: Path) -> None:
    """Print one run."""
    console = summary_console()
    users = ", ".join(f"{count} {name}" for name, count in results.users.items())
    console.print(
        f"[bold]locust, {results.codec}[/bold]: {users or 'no users'} on {results.server},"
        f" {results.duration_s:.1f} s",
        highlight=False,
    )
    console.print(
        f"  calls {number(results.calls_per_s)}/s   failed {results.failure_share:.2%}"
        f"   watch events {results.watch_events:,}   watches torn {results.watches_torn}"
        f"   pods run {results.pods_run:,}   generator {number(results.generator_cores)} cores",
        highlight=False,
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  call")
    for column in ("method", "count", "failed", "a second", "p50 ms", "p90 ms", "p99 ms", "max ms"):
        table.add_column(column, justify="left" if column == "method" else "right")
    for call in results.calls:
        latencies = (call.p50_ms, call.p90_ms, call.p99_ms, call.max_ms)
        table.add_row(
            f"  {call.user}: {call.name}",
            call.method,
            f"{call.count:,}",
            f"{call.failures:,}",
            number(call.per_s),
            *(number(latency) for latency in latencies),
        )
    console.print(table)
    status = results.verdict.status
    console.print(f"  verdict: [bold {COLOURS[status]}]{status}[/]")
    for reason in results.verdict.reasons:
        console.print(f"    {reason}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"  report: {report}", highlight=False, soft_wrap=True)
