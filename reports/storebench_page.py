"""The pages of a store-bench run and of the store suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reports.apibench_model import Line, Spread
from reports.apibench_page import aim_of
from reports.environment_facts import environment_facts
from reports.figures.registry import STORE_BENCH_FIGURES
from reports.figures.store_rates import has_rates
from reports.files import draw_figures
from reports.html import Markup, Tile, bullets, element, join, page, section, table, tiles
from reports.storebench_model import Comparison, StoreBench, StoreMicro, StoreRow, StoreTable
from reports.wording import NOT_MEASURED, counted, duration_ms, plain

COLUMNS: Final = {
    "per_s": "a second",
    "p50_ms": "p50 ms",
    "p90_ms": "p90 ms",
    "p99_ms": "p99 ms",
    "max_ms": "max ms",
    "syncs_per_s": "syncs a second",
    "writes_per_sync": "writes a sync",
    "backend_syncs_per_s": "backend syncs a second",
    "server_us": "server CPU each, µs",
    "server_cores": "server cores",
    "store_cores": "cores of the store",
    "client_us": "client CPU each, µs",
    "client_cores": "client cores",
    "process_us": "CPU each, µs",
    "process_cores": "cores",
    "others_cores": "cores of others",
    "idle_cores": "idle cores",
    "writes_per_s": "writes a second",
    "write_p99_ms": "p99 of a write, ms",
    "kib_per_watch": "KiB a watch",
    "anon_before_mib": "memory (anon) before, MiB",
    "anon_after_mib": "and after, MiB",
    "opened_per_s": "opened a second",
}
LIMITS: Final = (
    "In process, clients and store are one process and one interpreter: its CPU cannot be told "
    "apart, and no protocol is on the way. Tables of different places are never compared.",
    "Over a protocol, clients and server share one machine's cores: rates are floors, and the CPU "
    "an operation costs the server says more than a rate does. A client at its limit is named; "
    "where hardly a core was idle, a rate is what client and server came to together.",
    "With a rate, latencies count from when an operation was due, and are of all that was due, "
    "also of what was answered late; what was not even then is counted. Without one, each client "
    "asks when it has its answer.",
    "Syncs of a real etcd are those of its log; its backend syncs beside them. Ours has one file.",
    "etcd 2 has a connection for each call that is under way and for each watch; etcd 3's share "
    "one. A plain read of etcd 2 is of what its member has applied; one named quorum is ordered "
    "with the writes, as etcd 3's are.",
    "Delivery to watches is timed from when the write was due to when its event was heard.",
)


def storebench_page(directory: Path, run: StoreBench) -> str:
    """Draw the figure and return the page of a store-bench run: a table a place."""
    invalid = [f"{line.cell}, {why}" for line in run.lines for why in line.invalid]
    notes = [f"{line.cell}, {note}" for line in run.lines for note in line.notes]
    goals = list(_goals(run.lines))
    return page(
        "store-bench: stores loaded directly",
        f"{run.run_id} · {run.started} · took {duration_ms(run.duration_s * 1000)}",
        (
            tiles(_tiles(run, len(invalid))),
            draw_figures(directory, STORE_BENCH_FIGURES, run) if has_rates(run) else "",
            section("Aims", table(("cell", "what", "aim", "measured", ""), goals, labels=2))
            if goals
            else "",
            *(section(each.title.capitalize(), *_place(each)) for each in run.tables),
            section("Rounds that count for nothing", bullets(invalid)) if invalid else "",
            section("To know beside the numbers", bullets(notes)) if notes else "",
            section("What was left out", bullets(run.skipped)) if run.skipped else "",
            section("On what", environment_facts(run.environment)),
            section("What is not in these numbers", bullets(LIMITS)),
            section("How to reproduce it", element("pre", run.command)),
        ),
    )


def _tiles(run: StoreBench, invalid: int) -> list[Tile]:
    rounds = max((s.rounds for line in run.lines for s in line.figures.values()), default=0)
    found = [Tile("Cells", f"{len(run.lines)}", counted(rounds, "round"))]
    goals = [goal for line in run.lines for goal in line.goals]
    if goals:
        met = sum(goal.met for goal in goals)
        found.append(Tile("Aims met", f"{met} of {len(goals)}", "by the median", met == len(goals)))
    found.append(Tile("Rounds left out", f"{invalid}", "failures, counts that differ"))
    return found


def _place(found: StoreTable) -> Iterator[Markup]:
    shown = [name for name in COLUMNS if any(name in line.figures for line in found.lines)]
    yield table(
        ("cell", *(COLUMNS[name] for name in shown)),
        (
            (line.cell, *(_spread(line.figures.get(name), name) for name in shown))
            for line in found.lines
        ),
    )
    if found.comparisons:
        yield table(
            ("what", "over", "ratio", "95 % interval", "aim"),
            (_compared(each) for each in found.comparisons),
            labels=2,
        )


def _compared(each: Comparison) -> tuple[str, ...]:
    interval = "one round"
    if each.low is not None and each.high is not None:
        interval = f"{each.low:.2f}-{each.high:.2f}, {counted(each.rounds, 'round')}"
    aim = ""
    if each.at_least is not None:
        aim = f"≥ {each.at_least:g}: {'met' if each.ratio >= each.at_least else 'missed'}"
    return (each.what, f"{each.server} / {each.over}", f"{each.ratio:.2f}", interval, aim)


def _goals(lines: list[Line]) -> Iterator[tuple[str, ...]]:
    for line in lines:
        for goal in line.goals:
            measured = _spread(line.figures.get(goal.figure), "per_s") or NOT_MEASURED
            title = COLUMNS.get(goal.figure, goal.figure)
            yield (line.cell, title, aim_of(goal), measured, "met" if goal.met else "missed")


def _spread(spread: Spread | None, name: str) -> str:
    if spread is None:
        return ""
    if spread.rounds == 1 or name != "per_s":
        return plain(spread.median)
    words = f"{plain(spread.low)}-{plain(spread.high)}"
    return join((plain(spread.median), element("span", words, style="range")))


def store_micro_page(results: StoreMicro) -> str:
    """Return the page of the store suite: a row an operation, a column an engine."""
    engines = list(dict.fromkeys(row.engine for row in results.rows))
    found = {(row.operation, row.engine): row for row in results.rows}
    operations = dict.fromkeys(row.operation for row in results.rows)
    return page(
        "Stores alone: single operations, in microseconds",
        results.started,
        (
            section(
                "Every measurement",
                table(
                    ("operation", *engines),
                    (
                        (operation, *(_mean(found, operation, engine) for engine in engines))
                        for operation in operations
                    ),
                ),
                bullets(results.notes),
            ),
            section("On what", environment_facts(results.environment)),
            section(
                "How to reproduce it", element("pre", "kubedyno micro --suite store --out DIR")
            ),
        ),
    )


def _mean(found: dict[tuple[str, str], StoreRow], operation: str, engine: str) -> str:
    row = found.get((operation, engine))
    return f"{plain(row.mean_us)} ± {plain(row.stdev_us)}" if row is not None else ""
