"""What a cell gave, as a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.latency import Latency
from bench.measurements.histogram import LatencyHistogram
from bench.storebench.cells import Cell
from bench.storebench.drivers.registry import DRIVERS, IN_PROCESS
from bench.storebench.operations import WATCH
from bench.storebench.results import Row
from bench.storebench.rules import (
    counts_that_differ,
    events_that_differ,
    notes_on,
    notes_on_others,
    why_invalid,
)
from bench.storebench.settings import Outcome

UNTOLD_PIDS = "whose CPU and memory the server's is, nobody said (--server-pid)"


class Window(NamedTuple):
    """What the server used between the bounds of the window, and what it counted."""

    seconds: float
    cpu_s: float | None
    counters: dict[str, float]
    moved: int | None = None
    """By how much its revision grew from before the filling to after the load."""
    alone: bool = True
    """Nobody else writes to it."""
    machine_s: float | None = None
    """What all processes of the machine used; None: not told."""
    cores: int = 1
    """That it has."""


def row_of(cell: Cell, round_: int, outcomes: Sequence[Outcome], window: Window) -> Row:
    """Return what a cell of load gave."""
    entry = DRIVERS[cell.driver]
    in_process = entry.place == IN_PROCESS
    watching = cell.operation == WATCH
    moved = outcomes[0].revisions if in_process else window.moved
    wrong = [*why_invalid(outcomes), *counts_that_differ(outcomes, moved, alone=window.alone)]
    if watching:
        wrong += events_that_differ(outcomes, cell.keys, cell.watchers)
    histogram = merged(each.heard_histogram if watching else each.histogram for each in outcomes)
    values = values_of(cell, outcomes, window)
    notes = list(notes_on(outcomes, rate=cell.rate, in_process=in_process))
    notes += notes_on_others(values, window.cores)
    if not in_process and window.cpu_s is None:
        notes.append(UNTOLD_PIDS)
    return Row(
        cell=cell.name,
        round=round_,
        table=entry.table,
        server=cell.server,
        operation=cell.operation,
        clients=cell.clients,
        processes=len(outcomes),
        values=values,
        rate=cell.rate,
        latency=histogram.summary(),
        operations=_done(cell, outcomes),
        window_s=outcomes[0].window_s,
        histogram=histogram.encode(),
        invalid=wrong,
        notes=notes,
    )


def merged(encoded: Iterable[str]) -> LatencyHistogram:
    """Return all latencies of histograms, those that are empty texts left out."""
    whole = LatencyHistogram()
    for each in encoded:
        if each:
            whole.add(LatencyHistogram.decode(each))
    return whole


def _done(cell: Cell, outcomes: Sequence[Outcome]) -> int:
    """Return what is counted: operations; of a watch, events."""
    if cell.operation == WATCH:
        return sum(each.heard for each in outcomes)
    return sum(each.operations for each in outcomes)


def values_of(cell: Cell, outcomes: Sequence[Outcome], window: Window) -> dict[str, float]:
    """Return rates, CPU and syncs of a cell, by name with the unit last."""
    in_process = DRIVERS[cell.driver].place == IN_PROCESS
    longest_s = max([each.window_s for each in outcomes], default=0.0) or 1e-9
    done = max(_done(cell, outcomes), 1)
    values = {"per_s": _done(cell, outcomes) / longest_s}
    if cell.operation == WATCH:
        values["writes_per_s"] = sum(each.writes for each in outcomes) / longest_s
        latency = merged([each.histogram for each in outcomes]).summary()
        if latency.p99_ms is not None:
            values["write_p99_ms"] = latency.p99_ms
    side = "process" if in_process else "client"
    values[f"{side}_us"] = sum(each.cpu_s for each in outcomes) / done * 1e6
    values[f"{side}_cores"] = sum(each.cpu_s for each in outcomes) / longest_s
    if window.cpu_s is not None:
        values["server_us"] = window.cpu_s / done * 1e6
        values["server_cores"] = window.cpu_s / window.seconds
    if window.machine_s is not None and (in_process or window.cpu_s is not None):
        busy = window.machine_s / window.seconds
        own = values[f"{side}_cores"] + values.get("server_cores", 0.0)
        values["others_cores"] = max(busy - own, 0.0)
        values["idle_cores"] = max(window.cores - max(busy, own), 0.0)
    writes_per_s = sum(each.writes for each in outcomes) / longest_s
    values |= syncs_of(
        outcomes[0].counters if in_process else window.counters, writes_per_s, window
    )
    for each in outcomes:
        values |= each.told
    return values


def syncs_of(counters: dict[str, float], writes_per_s: float, window: Window) -> dict[str, float]:
    """Return syncs a second, and how many writes one of them made durable.

    Where a store tells writes beside syncs, their ratio is of one moment, whatever its age.
    """
    syncs = counters.get("syncs", 0.0)
    if not syncs or not writes_per_s:
        return {}
    writes_per_sync = counters.get("writes", writes_per_s * window.seconds) / syncs
    if not writes_per_sync:
        return {}
    found = {"syncs_per_s": writes_per_s / writes_per_sync, "writes_per_sync": writes_per_sync}
    if "backend_syncs" in counters:
        found["backend_syncs_per_s"] = counters["backend_syncs"] / window.seconds
    return found


def idle_row(
    cell: Cell, round_: int, outcome: Outcome, before: float | None, after: float | None
) -> Row:
    """Return what idle watches cost in memory: the server's; in process, the process's own."""
    entry = DRIVERS[cell.driver]
    in_process = entry.place == IN_PROCESS
    if in_process:
        before, after = outcome.told["anon_before_mib"], outcome.told["anon_after_mib"]
    values = {"opened_per_s": outcome.operations / max(outcome.window_s, 1e-9)}
    if before is not None and after is not None:
        values |= {"anon_before_mib": before, "anon_after_mib": after}
        values["kib_per_watch"] = (after - before) * 1024 / outcome.operations
    return Row(
        cell=cell.name,
        round=round_,
        table=entry.table,
        server=cell.server,
        operation=cell.operation,
        clients=0,
        processes=1,
        values=values,
        latency=Latency(),
        operations=outcome.operations,
        window_s=outcome.window_s,
        notes=[] if before is not None else [UNTOLD_PIDS],
    )
