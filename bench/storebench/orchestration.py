"""Doing a cell: a server, loading processes that begin together, and a row of what came of it."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from bench.child import Child
from bench.machine import MachineTimes, read_machine
from bench.results import read_json, write_json
from bench.sampling import cpu_s_of, read_usage
from bench.storebench.cells import Cell
from bench.storebench.drivers.interface import Spot
from bench.storebench.drivers.registry import DRIVERS, IN_PROCESS
from bench.storebench.operations import IDLE, WATCH
from bench.storebench.results import Row
from bench.storebench.rows import Window, idle_row, row_of
from bench.storebench.servers import Serving, serving, untold
from bench.storebench.settings import GO_FILE, OUTCOME_FILE, Go, Outcome, Task, word_file
from storage.clock import Clock

PREFIX: Final = "/kubedyno-store-bench"
GENERATOR: Final = "bench.storebench.generator"
READY_S_MAX: Final = 120.0
HEAD_START_NS: Final = 50_000_000
"""Every process has found the word by then."""
WARMUP_S_MAX: Final = 1.0
SETTLE_S: Final = 1.0
"""After idle watches stand, before memory is read."""
TASK_FILE: Final = "task.json"


class CellFailedError(Exception):
    """A cell could not be done; the message is one line."""


class Loaders(NamedTuple):
    """The loading processes of a cell, and what each was told."""

    tasks: list[Task]
    children: list[Child]

    async def ready(self) -> None:
        """Return when all of them are. Raises ChildError."""
        for child in self.children:
            await child.ready(READY_S_MAX)

    def go(self, number: int, begin_ns: int) -> None:
        """Say the next word."""
        write_json(word_file(self.tasks[0].go_file, number), Go(begin_ns))

    async def outcomes(self) -> list[Outcome]:
        """Return what they wrote, when they have ended. Raises CellFailedError."""
        for child in self.children:
            await child.ended()
        pairs = zip(self.tasks, self.children, strict=True)
        return [_outcome(task, child) for task, child in pairs]


async def measure(cell: Cell, round_: int, clock: Clock, *, server_pids: Sequence[int] = ()) -> Row:
    """Measure one cell. Raises CellFailedError, ChildError, DriverError."""
    with tempfile.TemporaryDirectory(prefix="kubedyno-store-bench-") as scratch:
        directory = Path(scratch)
        async with server_of(cell, directory, clock, tuple(server_pids)) as found:
            tasks = tasks_of(cell, found, directory)
            if cell.operation == IDLE:
                return idle_row(cell, round_, *await _idle(tasks, found, clock))
            before = await _revision(cell, found, directory)
            outcomes, window = await _load(tasks, found, clock)
            if before is not None:
                after = await _revision(cell, found, directory)
                window = window._replace(moved=None if after is None else after - before)
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
    """Return the share of each loading process.

    Over a protocol, watches are in processes of their own, beside the one that writes.
    """
    idle = cell.operation == IDLE
    processes = 1 if idle or cell.operation == WATCH else min(cell.processes, cell.clients)
    whole = Task(
        driver=cell.driver,
        store=found.url,
        operation="txn" if cell.operation == WATCH else cell.operation,
        directory="",
        go_file=str(directory / GO_FILE),
        prefix=f"{PREFIX}/{secrets.token_hex(4)}/",
        clients=cell.clients,
        keys=[0, processes],
        keys_total=cell.keys,
        value_bytes=cell.value_bytes,
        duration_s=cell.duration_s,
        warmup_s=min(WARMUP_S_MAX, cell.duration_s / 4),
        rate=cell.rate / processes,
        read_share=cell.read_share,
        idle_watches=cell.watchers if idle else 0,
        streams=cell.streams,
        connections=cell.connections,
        polls=cell.polls,
        quorum=cell.quorum,
    )
    tasks = [
        replace(
            whole,
            clients=cell.clients // processes + (number < cell.clients % processes),
            keys=[number, processes],
            seed=number,
        )
        for number in range(processes)
    ]
    if cell.operation == WATCH:
        tasks = _with_watches(cell, tasks[0])
    return [
        replace(task, directory=str(directory / f"client-{number}"))
        for number, task in enumerate(tasks)
    ]


def _with_watches(cell: Cell, writing: Task) -> list[Task]:
    if DRIVERS[cell.driver].place == IN_PROCESS:
        return [replace(writing, watchers=cell.watchers, ordered=True)]
    processes = min(cell.processes, cell.watchers)
    watching = [
        replace(
            writing,
            clients=0,
            rate=0.0,
            watchers=cell.watchers // processes + (number < cell.watchers % processes),
        )
        for number in range(processes)
    ]
    return [replace(writing, ordered=True), *watching]


@asynccontextmanager
async def _loading(tasks: Sequence[Task]) -> AsyncIterator[Loaders]:
    """Start the processes; ask them to end at the end. Raises ChildError."""
    async with AsyncExitStack() as stack:
        children = []
        for number, task in enumerate(tasks, 1):
            file = Path(task.directory) / TASK_FILE
            file.parent.mkdir(parents=True)
            write_json(file, task)
            command = [sys.executable, "-m", GENERATOR, str(file)]
            child = Child(f"client {number}", command, file.parent / "log")
            stack.push_async_callback(child.stop)
            await child.start()
            children.append(child)
        yield Loaders(list(tasks), children)


async def _load(
    tasks: Sequence[Task], found: Serving, clock: Clock
) -> tuple[list[Outcome], Window]:
    """Have processes do their shares, all at once. Raises CellFailedError, ChildError."""
    async with _loading(tasks) as loaders:
        await loaders.ready()
        loaders.go(0, clock.stamp_ns())
        await loaders.ready()
        begin_ns = clock.stamp_ns() + HEAD_START_NS
        loaders.go(1, begin_ns)
        window = await _window(tasks[0], found, clock, begin_ns)
        return await loaders.outcomes(), window


async def _idle(
    tasks: Sequence[Task], found: Serving, clock: Clock
) -> tuple[Outcome, float | None, float | None]:
    """Have idle watches opened; return the server's memory before and after, where it is known."""
    async with _loading(tasks) as loaders:
        await loaders.ready()
        before = _anon_mib(found.pids)
        loaders.go(0, clock.stamp_ns())
        await loaders.ready()
        await asyncio.sleep(SETTLE_S)
        after = _anon_mib(found.pids)
        loaders.go(1, clock.stamp_ns())
        (outcome,) = await loaders.outcomes()
        return outcome, before, after


async def _window(task: Task, found: Serving, clock: Clock, begin_ns: int) -> Window:
    """Read the server at the bounds of the window that the processes have, too."""
    from_ns = begin_ns + int(task.warmup_s * 1e9)
    await _until(from_ns, clock)
    began_ns, cpu_s, machine = clock.stamp_ns(), _cpu_s(found.pids), read_machine()
    before = await found.counters()
    await _until(from_ns + int(task.duration_s * 1e9), clock)
    seconds, used_s = (clock.stamp_ns() - began_ns) / 1e9, _cpu_s(found.pids)
    machine_after = read_machine()
    after = await found.counters()
    counted = {name: after[name] - before.get(name, 0.0) for name in after}
    used = None if cpu_s is None or used_s is None else used_s - cpu_s
    return Window(
        seconds,
        used,
        counted,
        alone=found.own,
        machine_s=_busy_s(machine, machine_after),
        cores=os.cpu_count() or 1,
    )


def _busy_s(before: MachineTimes | None, after: MachineTimes | None) -> float | None:
    return None if before is None or after is None else after.busy_s - before.busy_s


async def _until(stamp_ns: int, clock: Clock) -> None:
    await asyncio.sleep(max(stamp_ns - clock.stamp_ns(), 0) / 1e9)


def _cpu_s(pids: Sequence[int]) -> float | None:
    """Return what the servers have used; None where nobody said which, or one is gone."""
    try:
        return sum(map(cpu_s_of, pids)) if pids else None
    except OSError:
        return None


def _anon_mib(pids: Sequence[int]) -> float | None:
    used = [usage.anon_mib for pid in pids if (usage := read_usage(pid)) is not None]
    return sum(used) if used else None


def _outcome(task: Task, child: Child) -> Outcome:
    if child.exit_code:
        raise CellFailedError(" ".join(child.tail().splitlines()[-1:]) or f"{child.name} failed")
    return read_json(Path(task.directory) / OUTCOME_FILE, Outcome)


async def _revision(cell: Cell, found: Serving, directory: Path) -> int | None:
    """Return the revision of a served store; None in process, where the loading process tells."""
    entry = DRIVERS[cell.driver]
    if entry.place == IN_PROCESS:
        return None
    async with entry.make(Spot(found.url, directory / "unused")) as driver:
        return await driver.revision()


async def _clear(cell: Cell, found: Serving, prefix: str, directory: Path) -> None:
    """Leave another's server as it was."""
    async with DRIVERS[cell.driver].make(Spot(found.url, directory / "unused")) as driver:
        await driver.clear(prefix.encode())
