"""Cells of watches: writers in one process, watchers in another, every event counted and timed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.apibench.cells import Cell
from bench.apibench.endpoint import Endpoint
from bench.apibench.metric_counts import request_counts
from bench.apibench.orchestration import (
    CellFailedError,
    Site,
    Target,
    compared,
    row_of,
    run_generator,
    site_for,
    task_of,
)
from bench.apibench.results import Row
from bench.apibench.settings import Outcome
from bench.apibench.watchers import FINISH_FILE, WATCHED_FILE, Finish, Watched, WatchTask
from bench.child import Child
from bench.measurements.histogram import LatencyHistogram
from bench.results import read_json, write_json

READY_S_MAX: Final = 90.0
FANOUT: Final = "fanout"
BY_NODE: Final = "fanout-node"


async def measure_fanout(cell: Cell, target: Target, round_: int) -> Row:
    """Measure one cell of watches.

    Raises CellFailedError, ChildError, SetUpError, UnreachableError.
    """
    async with site_for(target, cell.codec) as site:
        endpoint = Endpoint(site.server)
        before = await request_counts(endpoint)
        outcome, watched = await _run(cell, site)
        after = await request_counts(endpoint)
    counted = compared(outcome, before, after)
    return _row(row_of(cell, round_, outcome, counted, alone=bool(site.own)), outcome, watched)


async def _run(cell: Cell, site: Site) -> tuple[Outcome, Watched]:
    by_node = cell.operation == BY_NODE
    file = site.directory / "watch-task.json"
    file.touch(mode=0o600)  # a token may be in it
    write_json(
        file,
        WatchTask(
            site.server, site.namespace, cell.codec, cell.watchers, by_node, str(site.directory)
        ),
    )
    command = [sys.executable, "-m", "bench.apibench.watchers", str(file)]
    watchers = Child("watchers", command, site.directory / "watchers.log")
    await watchers.start()
    try:
        await watchers.ready(READY_S_MAX)
        task = task_of(cell, site)
        if by_node:
            task = replace(task, pods=cell.watchers, nodes=cell.watchers)
        task = replace(task, pids={**task.pids, "watchers": [watchers.pid]})
        outcome = await run_generator(task, site.directory, "generator")
        finish = Finish(outcome.begin_ns, outcome.end_ns, outcome.sequences)
        write_json(Path(site.directory) / FINISH_FILE, finish)
        watchers.dump_statistics()  # SIGUSR1: finish
        await watchers.ended()
    finally:
        await watchers.stop()
    if watchers.exit_code:
        raise CellFailedError(" ".join(watchers.tail().splitlines()[-1:]) or "watchers failed")
    return outcome, read_json(site.directory / WATCHED_FILE, Watched)


def _row(writes: Row, outcome: Outcome, watched: Watched) -> Row:
    """Return the writers' row as one of deliveries."""
    window_s = max(outcome.window_s, 1e-9)
    values = dict(writes.values)
    values["writes_per_s"] = values.pop("per_s")
    values["per_s"] = watched.events / window_s
    values["events_total"] = float(watched.events_total)
    values["write_p50_ms"] = writes.latency.p50_ms or 0.0
    values["write_p99_ms"] = writes.latency.p99_ms or 0.0
    if "server" in outcome.cpu_s and watched.events:
        values["server_us_event"] = outcome.cpu_s["server"] * 1e6 / watched.events
    values["watchers_cores"] = outcome.cpu_s["watchers"] / window_s
    return replace(
        writes,
        values=values,
        latency=LatencyHistogram.decode(watched.histogram).summary(),
        histogram=watched.histogram,
        operations=watched.events,
        invalid=[*writes.invalid, *faults_of(watched)],
    )


def faults_of(watched: Watched) -> list[str]:
    """Say what the watchers did not see as it was written; each makes the row worth nothing."""
    faults = [f"{what}: {count}" for what, count in sorted(watched.faults.items())]
    if watched.events_total != watched.expected_total and not faults:
        faults.append(f"{watched.events_total} events seen, {watched.expected_total} written")
    if not watched.events:
        faults.append("not one event was delivered")
    return faults
