"""The page of an api-bench run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reports.apibench_model import ApiBench, Goal, Line, Spread
from reports.environment_facts import environment_facts
from reports.figures.registry import API_BENCH_FIGURES
from reports.files import draw_figures
from reports.html import Markup, Tile, bullets, element, facts, page, section, table, tiles
from reports.wording import NOT_MEASURED, counted, duration_ms, plain

RATES: Final = {
    "per_s": "a second",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "max_ms": "max ms",
    "server_ms": "server CPU ms each",
    "server_cores": "server cores",
    "generator_us": "generator CPU µs each",
    "generator_cores": "generator cores",
}
OTHERS: Final = {
    "writes_per_s": "writes a second",
    "write_p99_ms": "p99 of a write, ms",
    "server_us_event": "server CPU an event, µs",
    "watchers_cores": "cores of the watching process",
    "list_s": "a list, to the last byte, s",
    "extra_mib": "most anonymous memory beyond what there was, MiB",
    "kept_mib": "of that still there afterwards, MiB",
    "anon_mib": "anonymous memory, MiB",
    "restart_s": "from start to ready, s",
    "answer_bytes": "bytes an answer",
}
LIMITS: Final = (
    "Generator, watchers and server share one machine's cores: rates are floors, and the CPU an "
    "operation costs the server says more than a rate does. A row whose generator was at its limit "
    "says so.",
    "Connections are a closed loop, unless a rate is named: each sends when it has its answer.",
    "A real kube-apiserver does more a request: managed fields, audit hooks, fairness, TLS; its "
    "etcd is a process apart. Compare CPU an operation beside rates.",
    "Pods are made as replicas of one controller: their specs are equal, and a server may remember "
    "what it found out about the first. In a row of distinct specs no two are equal: each has a "
    "variable's value of its own, so at most parts of them can be remembered. Aims are for "
    "replicas, as the figures of a real server are.",
    "Delivery is timed from the sending of the write to the receipt of its event by each watcher.",
)


def apibench_page(directory: Path, run: ApiBench) -> str:
    """Draw the figure and return the page of a run."""
    invalid = [f"{line.cell}, {why}" for line in run.lines for why in line.invalid]
    notes = [f"{line.cell}, {note}" for line in run.lines for note in line.notes]
    return page(
        "api-bench: single operations against a Kubernetes API",
        f"{run.run_id} · {run.started} · took {duration_ms(run.duration_s * 1000)}",
        (
            tiles(_tiles(run, len(invalid))),
            draw_figures(directory, API_BENCH_FIGURES, run) if run.goals else "",
            section("Aims", _goals(run.lines)) if run.goals else "",
            section("Rates, latencies and CPU", _rates(run.lines)),
            section("What else was measured", _others(run.lines)),
            section("Rounds that count for nothing", bullets(invalid)) if invalid else "",
            section("To know beside the numbers", bullets(notes)) if notes else "",
            section("On what", facts([("server", run.server)]), environment_facts(run.environment)),
            section("What is not in these numbers", bullets(LIMITS)),
            section("How to reproduce it", element("pre", run.command)),
        ),
    )


def _tiles(run: ApiBench, invalid: int) -> list[Tile]:
    met = sum(goal.met for goal in run.goals)
    rounds = max((s.rounds for line in run.lines for s in line.figures.values()), default=0)
    found = [Tile("Cells", f"{len(run.lines)}", counted(rounds, "round"))]
    if run.goals:
        whole = met == len(run.goals)
        found.append(Tile("Aims met", f"{met} of {len(run.goals)}", "by the median", whole))
    found.append(Tile("Rounds left out", f"{invalid}", "failures, counts that differ"))
    return found


def _rates(lines: list[Line]) -> Markup:
    return table(
        ("cell", *RATES.values()),
        (
            (line.cell, *(_spread(line.figures.get(name)) for name in RATES))
            for line in lines
            if "per_s" in line.figures
        ),
    )


def _others(lines: list[Line]) -> Markup:
    return table(
        ("cell", "what", "measured"),
        (
            (line.cell, title, _spread(line.figures[name]))
            for line in lines
            for name, title in OTHERS.items()
            if name in line.figures
        ),
        labels=2,
    )


def _goals(lines: list[Line]) -> Markup:
    return table(("cell", "what", "aim", "measured", ""), _goal_rows(lines), labels=2)


def _goal_rows(lines: list[Line]) -> Iterator[tuple[str, ...]]:
    for line in lines:
        for goal in line.goals:
            title = RATES.get(goal.figure) or OTHERS.get(goal.figure, goal.figure)
            spread = _spread(line.figures.get(goal.figure)) or NOT_MEASURED
            yield (line.cell, title, aim_of(goal), spread, "met" if goal.met else "missed")


def aim_of(goal: Goal) -> str:
    """Write what was aimed at: ``≥ 5,000``."""
    bounds = (("≥", goal.at_least), ("≤", goal.at_most))
    return " ".join(f"{sign} {plain(bound)}" for sign, bound in bounds if bound is not None)


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return ""
    if spread.rounds == 1:
        return plain(spread.median)
    return f"{plain(spread.median)} ({plain(spread.low)}-{plain(spread.high)})"
