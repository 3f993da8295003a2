"""Doing a cell: a server, loading processes that begin together, and a row of what came of it."""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.child import Child
from bench.measurements.histogram import LatencyHistogram
from bench.results import read_json, write_json
from bench.sampling import read_usage
from bench.storebench.cells import Cell
from bench.storebench.drivers.interface import Spot
from bench.storebench.drivers.registry import DRIVERS, IN_PROCESS
from bench.storebench.results import Row
from bench.storebench.rules import notes_on, why_invalid
from bench.storebench.servers import Serving, serving, untold
from bench.storebench.settings import GO_FILE, OUTCOME_FILE, Go, Outcome, Task
from storage.clock import Clock

PREFIX: Final = "/kubedyno-store-bench"
GENERATOR: Final = "bench.storebench.generator"
READY_S_MAX: Final = 120.0
HEAD_START_NS: Final = 50_000_000
"""Every process has found the word by then."""
WARMUP_S_MAX: Final = 1.0


class CellFailedError(Exception):
    """A cell could not be done; the message is one line."""


class Window(NamedTuple):
    """What the server used between the bounds of the window, and what it counted."""

    seconds: float
    cpu_s: float | None
    counters: dict[str, float]


async def measure(cell: Cell, round_: int, clock: Clock, *, server_pids: Sequence[int] = ()) -> Row:
    """Measure one cell. Raises CellFailedError, ChildError."""
    with tempfile.TemporaryDirectory(prefix="kubedyno-store-bench-") as scratch:
        directory = Path(scratch)
        async with server_of(cell, directory, clock, tuple(server_pids)) as found:
            tasks = tasks_of(cell, found, directory)
            outcomes, window = await run(tasks, found, directory, clock)
            if not found.own:
                await _clear(cell, found, tasks[0].prefix, directory)
    return row_of(cell, round_, outcomes, window)


@asynccontextmanager
async def server_of(
    cell: Cell, directory: Path, clock: Clock, pids: tuple[int, ...]
) -> AsyncIterator[Serving]:
    """Give the server of a cell, started if need be. Raises ChildError."""
    if DRIVERS[cell.driver].place == IN_PROCESS:
        yield Serving(cell.server, (), untold)
        return
    async with serving(cell.server, directory / "server", clock, pids) as found:
        yield found


def tasks_of(cell: Cell, found: Serving, directory: Path) -> list[Task]:
    """Return the share of each loading process."""
    prefix = f"{PREFIX}/{secrets.token_hex(4)}/"
    processes = min(cell.processes, cell.clients)
    return [
        Task(
            driver=cell.driver,
            store=found.url,
            operation=cell.operation,
            directory=str(directory / f"client-{number}"),
            go_file=str(directory / GO_FILE),
            prefix=prefix,
            clients=cell.clients // processes + (number < cell.clients % processes),
            keys=[number, processes],
            keys_total=cell.keys,
            value_bytes=cell.value_bytes,
            duration_s=cell.duration_s,
            warmup_s=min(WARMUP_S_MAX, cell.duration_s / 4),
            rate=cell.rate / processes,
            read_share=cell.read_share,
            watchers=cell.watchers,
            connections=cell.connections,
            seed=number,
        )
        for number in range(processes)
    ]


async def run(
    tasks: Sequence[Task], found: Serving, directory: Path, clock: Clock
) -> tuple[list[Outcome], Window]:
    """Have processes do their shares, all at once. Raises CellFailedError, ChildError."""
    async with AsyncExitStack() as stack:
        children = []
        for number, task in enumerate(tasks, 1):
            file = Path(task.directory) / "task.json"
            file.parent.mkdir(parents=True)
            write_json(file, task)
            command = [sys.executable, "-m", GENERATOR, str(file)]
            child = Child(f"client {number}", command, file.parent / "log")
            stack.push_async_callback(child.stop)
            await child.start()
            children.append(child)
        for child in children:
            await child.ready(READY_S_MAX)
        begin_ns = clock.stamp_ns() + HEAD_START_NS
        write_json(Path(tasks[0].go_file), Go(begin_ns))
        window = await _window(tasks[0], found, clock, begin_ns)
        for child in children:
            await child.ended()
        return [_outcome(task, child) for task, child in zip(tasks, children, strict=True)], window


async def _window(task: Task, found: Serving, clock: Clock, begin_ns: int) -> Window:
    """Read the server at the bounds of the window that the processes have, too."""
    from_ns = begin_ns + int(task.warmup_s * 1e9)
    await _until(from_ns, clock)
    began_ns, cpu_s, before = clock.stamp_ns(), _cpu_s(found.pids), await found.counters()
    await _until(from_ns + int(task.duration_s * 1e9), clock)
    seconds, used_s = (clock.stamp_ns() - began_ns) / 1e9, _cpu_s(found.pids)
    after = await found.counters()
    counted = {name: after[name] - before.get(name, 0.0) for name in after}
    used = None if cpu_s is None or used_s is None else used_s - cpu_s
    return Window(seconds, used, counted)


async def _until(stamp_ns: int, clock: Clock) -> None:
    await asyncio.sleep(max(stamp_ns - clock.stamp_ns(), 0) / 1e9)


def _cpu_s(pids: Sequence[int]) -> float | None:
    used = [usage.cpu_s for pid in pids if (usage := read_usage(pid)) is not None]
    return sum(used) if used else None


def _outcome(task: Task, child: Child) -> Outcome:
    if child.exit_code:
        raise CellFailedError(" ".join(child.tail().splitlines()[-1:]) or f"{child.name} failed")
    return read_json(Path(task.directory) / OUTCOME_FILE, Outcome)


async def _clear(cell: Cell, found: Serving, prefix: str, directory: Path) -> None:
    """Leave another's server as it was."""
    spot = Spot(found.url, directory / "unused")
    async with DRIVERS[cell.driver].make(spot) as driver:
        await driver.clear(prefix.encode())


def row_of(cell: Cell, round_: int, outcomes: Sequence[Outcome], window: Window) -> Row:
    """Return what a cell gave."""
    entry = DRIVERS[cell.driver]
    in_process = entry.place == IN_PROCESS
    histogram = LatencyHistogram()
    for each in outcomes:
        histogram.add(LatencyHistogram.decode(each.histogram))
    return Row(
        cell=cell.name,
        round=round_,
        table=entry.table,
        server=cell.server,
        operation=cell.operation,
        clients=cell.clients,
        processes=len(outcomes),
        values=values_of(outcomes, window, in_process=in_process),
        latency=histogram.summary(),
        operations=sum(each.operations for each in outcomes),
        window_s=outcomes[0].window_s,
        histogram=histogram.encode(),
        invalid=list(why_invalid(outcomes)),
        notes=list(notes_on(outcomes, rate=cell.rate, in_process=in_process)),
    )


def values_of(outcomes: Sequence[Outcome], window: Window, *, in_process: bool) -> dict[str, float]:
    """Return rates, CPU and syncs of a cell, by name with the unit last."""
    operations = sum(each.operations for each in outcomes)
    per_s = sum(each.operations / max(each.window_s, 1e-9) for each in outcomes)
    done = max(operations, 1)
    values = {"per_s": per_s}
    cores = sum(each.cpu_s / max(each.window_s, 1e-9) for each in outcomes)
    side = "process" if in_process else "client"
    values[f"{side}_cores"] = cores
    values[f"{side}_us"] = sum(each.cpu_s for each in outcomes) / done * 1e6
    if window.cpu_s is not None:
        values["server_cores"] = window.cpu_s / window.seconds
        values["server_us"] = window.cpu_s / done * 1e6
    counters, seconds = window.counters, window.seconds
    if in_process:
        counters, seconds = outcomes[0].counters, outcomes[0].window_s
    if "syncs" in counters:
        values |= syncs_of(counters, seconds, outcomes)
    for each in outcomes:
        values |= each.told
    return values


def syncs_of(
    counters: dict[str, float], seconds: float, outcomes: Sequence[Outcome]
) -> dict[str, float]:
    """Return syncs a second, and how many writes one of them made durable."""
    found = {"syncs_per_s": counters["syncs"] / seconds}
    if "backend_syncs" in counters:
        found["backend_syncs_per_s"] = counters["backend_syncs"] / seconds
    writes = counters.get("writes", float(sum(each.writes for each in outcomes)))
    if writes and counters["syncs"]:
        found["writes_per_sync"] = writes / counters["syncs"]
    return found
