"""The terminal summaries: what a person reads in ten seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.apiservers import ETCD
from bench.commands.etcd_fault_lines import etcd_fault_lines
from bench.commands.history_lines import history_lines
from bench.commands.layer_lines import layer_lines
from bench.commands.load_lines import core_lines, load_lines
from bench.commands.steady_lines import steady_lines
from bench.commands.store_lines import store_lines
from bench.commands.waterfall_lines import waterfall_lines
from bench.comparisons import undecided
from bench.latency import Latency
from bench.matrix_results import Cell, CodecResults, Comparison, Interval, MatrixResults
from bench.results import Config, Results, ServiceLevel, Status

COLOURS = {Status.VALID: "green", Status.DEGRADED: "yellow", Status.VOID: "red"}
FILE_WIDTH = 140
TITLE_WIDTH = 12
CELL_WIDTH_MIN = 12
"""Of the column of cells, whose names grow with every switch and are folded for the numbers."""
RATIO_METRICS = {"pods_per_s": "pods/s", "cpu_ms_per_pod": "CPU a pod"}
PROCESSES = ("apiserver", "control", "nodes", "measuring")


def summary_console() -> Console:
    """Return the console for standard output; wide where it is a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=FILE_WIDTH)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as people read it: three significant digits, none for large ones."""
    if value is None:
        return "-"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def print_run(results: Results, console: Console) -> None:
    """Print one run."""
    config, measured = results.config, results.measurements
    console.print(
        f"[bold]{config.cell}[/bold]: {config.nodes} nodes, {config.pods} pods"
        f" + {_beside(config)}, {results.duration_s:.1f} s",
        highlight=False,
    )
    rates = measured.throughput
    console.print(
        f"  pods started  {number(rates.pods_per_s)}/s   deleted {number(rates.deletes_per_s)}/s"
        f"   writes {number(rates.writes_per_s)}/s   watch events"
        f" {number(rates.watch_events_per_s)}/s",
        highlight=False,
    )
    startup = measured.pod_startup
    facts: tuple[tuple[str, Iterable[str]], ...] = (
        ("pod start-up", [f"{_latency(startup.pod_startup)} (probes, end to end)"]),
        ("all pods", [f"{_latency(startup.watched_startup)} (first event to Running)"]),
        ("levels", _level_lines(results.slo)),
        ("steady", steady_lines(measured.steady) if measured.steady else ()),
        ("the load", load_lines(measured.load)),
        ("the cores", core_lines(measured.load)),
        ("the store", store_lines(measured.store)),
        ("faults", etcd_fault_lines(measured.etcd_faults)),
        ("history", history_lines(results.history)),
        ("a pod's way", waterfall_lines(measured.waterfall)),
        ("API server", layer_lines(measured.layers)),
    )
    for title, lines in facts:
        _print_facts(title, lines, console)
    console.print(_process_table(results))
    for name, found in measured.hot.items():
        console.print(f"  [bold]{name}[/bold] spends its time in", highlight=False)
        for line in found:
            console.print(f"    {line}", highlight=False, markup=False)
    status = results.verdict.status
    console.print(f"  verdict: [bold {COLOURS[status]}]{status}[/]")
    for reason in results.verdict.reasons:
        console.print(f"    {reason}", highlight=False, markup=False, soft_wrap=True)


def _print_facts(title: str, lines: Iterable[str], console: Console) -> None:
    """Print lines under one title, which stands beside the first; nothing where there are none."""
    for line in lines:
        console.print(
            f"  {title:<{TITLE_WIDTH}}  {line}", highlight=False, markup=False, soft_wrap=True
        )
        title = ""


def _level_lines(levels: Mapping[str, ServiceLevel]) -> Iterator[str]:
    """Yield the levels that were met on one line, and one for each that was missed."""
    said = {
        name: f"{name} {number(level.measured)} of {number(level.target)} {level.unit}"
        for name, level in levels.items()
    }
    yield from (f"MISSED: {said[name]}" for name, level in levels.items() if not level.met)
    met = [said[name] for name, level in levels.items() if level.met]
    if met:
        yield f"met: {', '.join(met)}"


def _beside(config: Config) -> str:
    if config.steady_s:
        return f"{config.churn_per_s:g} changes/s for {config.steady_s:g} s"
    return f"{config.probes} probes"


def _latency(latency: Latency) -> str:
    return (
        f"p50 {number(latency.p50_ms)} ms, p99 {number(latency.p99_ms)} ms,"
        f" max {number(latency.max_ms)} ms of {latency.count}"
    )


def _process_table(results: Results) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  process")
    for title in ("CPU s", "in the fill", "anon MiB", "file MiB", "gc max ms", "lag p99 ms"):
        table.add_column(title, justify="right")
    for name, use in results.measurements.processes.items():
        table.add_row(
            f"  {name}",
            number(use.cpu_s),
            number(use.cpu_fill_s),
            number(use.anon_max_mib),
            number(use.file_max_mib),
            number(use.gc_max_ms),
            number(use.lag_p99_ms),
        )
    return table


def print_matrix(results: MatrixResults, console: Console) -> None:
    """Print all cells, then what they say about each other."""
    config = results.config
    rounds = max((len(cell.rounds) for cell in results.cells), default=0)
    console.print(
        f"[bold]{len(results.cells)} cells x {rounds} rounds[/bold] of"
        f" {config.nodes} nodes, {config.pods} pods, {results.duration_s:.0f} s",
        highlight=False,
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("cell", overflow="fold", min_width=CELL_WIDTH_MIN)
    for title in ("pods/s", "start-up p50", "p99 ms", "CPU ms/pod"):
        table.add_column(title, justify="right", no_wrap=True)
    processes = _shown_processes(results.cells)
    for name in processes:
        title = f"CPU s: {name}" if name == processes[0] else name
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdicts", no_wrap=True)
    for cell in results.cells:
        table.add_row(cell.name, *_cell_numbers(cell, processes), _verdicts(cell))
    console.print(table)
    console.print(_ratio_table(results.comparisons))
    for cell in results.cells:
        for run in cell.rounds:
            for reason in run.verdict.reasons:
                console.print(
                    f"  {run.directory}: {reason}", highlight=False, markup=False, soft_wrap=True
                )


def _shown_processes(cells: Sequence[Cell]) -> list[str]:
    """Return whose CPU has a column: that of the store's own processes where any cell has some."""
    stores = any(f"{ETCD}_cpu_s" in cell.summary for cell in cells)
    return [*([ETCD] if stores else []), *PROCESSES]


def _cell_numbers(cell: Cell, processes: Sequence[str]) -> list[str]:
    metrics = ["pods_per_s", "startup_p50_ms", "startup_p99_ms", "cpu_ms_per_pod"]
    means = [cell.summary.get(f"{name}_cpu_s") for name in processes]
    return [
        *(_interval(cell.summary.get(metric)) for metric in metrics),
        *(number(interval.mean if interval else None) for interval in means),
    ]


def _ratio_table(comparisons: Sequence[Comparison]) -> Table:
    """Return the ratios, a row a pair of cells, a column a metric, the weakest verdict last."""
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("ratio [95 % over rounds]", overflow="fold", min_width=CELL_WIDTH_MIN)
    for title in RATIO_METRICS.values():
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    found = {(c.numerator, c.denominator, c.metric): c for c in comparisons}
    for pair in dict.fromkeys(key[:2] for key in found):
        row = [c for metric in RATIO_METRICS if (c := found.get((*pair, metric))) is not None]
        open_ones = [c for c in row if not c.decided]
        said = ""
        if open_ones:
            needed = [c.rounds_needed for c in open_ones if c.rounds_needed is not None]
            enough = max(needed) if len(needed) == len(open_ones) else None
            said = undecided(min(c.rounds for c in open_ones), enough)
        shown = [_ratio(found.get((*pair, metric))) for metric in RATIO_METRICS]
        table.add_row(" / ".join(pair), *shown, said)
    return table


def _ratio(comparison: Comparison | None) -> str:
    if comparison is None:
        return "-"
    if comparison.low is None or comparison.high is None:
        return f"{comparison.ratio:.2f}"
    return f"{comparison.ratio:.2f} \\[{comparison.low:.2f}, {comparison.high:.2f}]"


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    if interval.high is None:
        return number(interval.mean)
    return f"{number(interval.mean)} ±{number(interval.high - interval.mean, 2)}"


def _verdicts(cell: Cell) -> str:
    counts = [(s, sum(1 for r in cell.rounds if r.verdict.status is s)) for s in Status]
    return " ".join(f"[{COLOURS[s]}]{count} {s}[/]" for s, count in counts if count)


def print_codecs(results: CodecResults, console: Console) -> None:
    """Print the codec table: a row a shape, direction and level, a column a codec."""
    codecs = list(dict.fromkeys(row.codec for row in results.rows))
    found = {(r.shape, r.direction, r.level, r.codec): r for r in results.rows}
    table = Table(title="microseconds (bytes encoded)", title_justify="left", box=None)
    for title in ("shape", "direction", "level"):
        table.add_column(title)
    for codec in codecs:
        table.add_column(codec, justify="right")
    for shape, direction, level in dict.fromkeys(key[:3] for key in found):
        cells = [found.get((shape, direction, level, codec)) for codec in codecs]
        shown: Sequence[str] = [
            f"{number(row.mean_us)} ({row.encoded_bytes:,})" if row else "-" for row in cells
        ]
        table.add_row(shape, direction, level, *shown)
    console.print(table)
    for note in results.notes:
        console.print(f"  {note}", highlight=False, soft_wrap=True)
