"""A loading process: ``python -m bench.storebench.generator TASK.json``.

It prepares its keys, says that it is ready, waits for the word when to begin, does its share of a
cell and writes ``outcome.json``. An engine that is loaded in process is opened here.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import uvloop

from bench.apibench.generator import histogram_of, raise_file_limit
from bench.apibench.orphans import end_with_parent
from bench.results import read_json, write_json
from bench.storebench.callers import Schedule, Tally, closed_loop
from bench.storebench.drivers.interface import Driver, DriverError, Spot
from bench.storebench.drivers.registry import DRIVERS
from bench.storebench.operations import OPERATIONS, Caller, Written
from bench.storebench.settings import OUTCOME_FILE, Go, Outcome, Task
from bench.storebench.workload import Held, Values, key_of, shares
from storage.clock import Clock, SystemClock

FILLERS: Final = 32
GO_POLL_S: Final = 0.002
GO_S_MAX: Final = 120.0
DRAIN_S_MAX: Final = 30.0
YOUNG_ONLY: Final = (100_000, 1_000_000, 1_000_000)
"""A collection of everything would look like the store's latency."""


async def perform(task: Task, clock: Clock) -> Outcome:
    """Do a share of a cell. Raises DriverError, TimeoutError."""
    chance = random.Random(task.seed)
    async with opened(task) as driver:
        held = await fill(task, driver, chance)
        begin_ns = await gone(task, clock)
        return await load(task, driver, held, chance, clock, begin_ns)


@asynccontextmanager
async def opened(task: Task) -> AsyncIterator[Driver]:
    """Give the driver, open. Raises DriverError."""
    spot = Spot(task.store, Path(task.directory) / "data", task.connections)
    async with DRIVERS[task.driver].make(spot) as driver:
        yield driver


async def fill(task: Task, driver: Driver, chance: random.Random) -> list[Held]:
    """Write every key of this process once. Raises DriverError."""
    prefix = task.prefix.encode()
    first, step = task.keys
    held = [Held(key_of(prefix, number)) for number in range(first, task.keys_total, step)]
    values, left = Values(task.value_bytes, chance), iter(held)

    async def filler() -> None:
        for each in left:
            each.revision = await driver.swap(each.key, values.at(0), 0)

    async with asyncio.TaskGroup() as group:
        for _ in range(FILLERS):
            group.create_task(filler())
    return held


async def gone(task: Task, clock: Clock) -> int:
    """Say that this process is ready; return when the load begins, then. Raises TimeoutError."""
    sys.stdout.write(json.dumps({"ready": True}) + "\n")
    sys.stdout.flush()
    async with asyncio.timeout(GO_S_MAX):
        while (begin_ns := _word(Path(task.go_file))) is None:  # noqa: ASYNC110  another process
            await asyncio.sleep(GO_POLL_S)
    await asyncio.sleep(max(begin_ns - clock.stamp_ns(), 0) / 1e9)
    return begin_ns


def _word(file: Path) -> int | None:
    return read_json(file, Go).begin_ns if file.exists() else None


async def load(
    task: Task,
    driver: Driver,
    held: list[Held],
    chance: random.Random,
    clock: Clock,
    begin_ns: int,
) -> Outcome:
    """Let the callers call; return what happened in the window."""
    tally = Tally(clock.stamp_ns)
    schedule = Schedule(task.rate, tally) if task.rate else None
    make, values, written = OPERATIONS[task.operation], Values(task.value_bytes, chance), Written()
    callers = [
        make(Caller(driver, keys, values, chance, written, task.read_share))
        for keys in shares(held, task.clients, chance)
    ]
    async with asyncio.timeout(task.warmup_s + task.duration_s + DRAIN_S_MAX):
        async with asyncio.TaskGroup() as group:
            if schedule is not None:
                group.create_task(schedule.run(begin_ns, len(callers)))
            for operation in callers:
                group.create_task(
                    closed_loop(operation, tally) if schedule is None else schedule.serve(operation)
                )
            await asyncio.sleep(task.warmup_s)
            tally.forget()
            if schedule is not None:
                schedule.forget()
            wrote = written.count
            before, cpu_s, from_ns = await driver.counters(), time.process_time(), tally.stamp()
            await asyncio.sleep(task.duration_s)
            latencies, cpu_s = tally.latencies, time.process_time() - cpu_s
            window_s = (tally.stamp() - from_ns) / 1e9
            wrote = written.count - wrote
            after = await driver.counters()
            tally.stopping = True
            due = schedule.due if schedule else 0
            late_ns = schedule.late_ns_max if schedule else 0
            latencies = latencies[:]
    return Outcome(
        operations=len(latencies),
        window_s=window_s,
        cpu_s=cpu_s,
        histogram=histogram_of(latencies).encode(),
        failures=dict(tally.failures),
        counters={name: after[name] - before[name] for name in after},
        due=due,
        late_ms_max=late_ns / 1e6,
        writes=wrote,
    )


async def _process(task: Task, clock: Clock) -> Outcome:
    loop = asyncio.get_running_loop()
    this = asyncio.current_task()
    assert this is not None
    loop.add_signal_handler(signal.SIGTERM, this.cancel)
    end_with_parent(loop)
    return await perform(task, clock)


def main(task_file: Path) -> int:
    """Do the share; return the exit code (1: the store refused it, or is not there)."""
    raise_file_limit()
    task = read_json(task_file, Task)
    gc.freeze()
    gc.set_threshold(*YOUNG_ONLY)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(_process(task, SystemClock()))
    except asyncio.CancelledError:
        sys.stderr.write("stopped\n")
        return 1
    except TimeoutError:
        sys.stderr.write("the store has stopped answering\n")
        return 1
    except (DriverError, ExceptionGroup) as error:
        cause = alone(error)
        if not isinstance(cause, DriverError):
            raise
        sys.stderr.write(f"{cause}\n")
        return 1
    write_json(Path(task.directory) / OUTCOME_FILE, outcome)
    return 0


def alone(error: BaseException) -> BaseException:
    """Return the first of what groups hold: task groups wrap what their body raises."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
