"""One process's share of a cell: keys, callers, watches, and what happened in the window."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from bench.apibench.generator import histogram_of
from bench.storebench.callers import Operation, Schedule, Tally, closed_loop
from bench.storebench.drivers.interface import Driver, Heard, Spot
from bench.storebench.drivers.registry import DRIVERS
from bench.storebench.operations import OPERATIONS, Caller, Written
from bench.storebench.settings import Outcome, Task
from bench.storebench.timer import KernelTimer
from bench.storebench.workload import Held, Values, key_of, shares, stamp_of
from storage.clock import Clock

FILLERS: Final = 32
DRAIN_S_MAX: Final = 30.0
LATE_S_MAX: Final = 10.0
"""So long after the window, and no longer than it was, what was due in it is waited for."""
QUIET_S: Final = 1.0
"""So long nothing is heard by the watches, after the load: then all has been told."""

FILLED_NS: Final = 0
"""The stamp of values that were there before the load."""

Begin = Callable[[], Awaitable[int]]
"""Says that this step is done; returns when all have done it, and when that was."""


class Reading(NamedTuple):
    """The state at one bound of the window."""

    stamp_ns: int
    cpu_s: float
    counters: dict[str, float]
    written: int


class Share:
    """A share that is being done: what its parts have in common."""

    def __init__(self, task: Task, driver: Driver, clock: Clock) -> None:
        self.task = task
        self.driver = driver
        self.tally = Tally(clock.stamp_ns)
        """Of the callers."""
        self.heard = Tally(clock.stamp_ns)
        """Of the watches."""
        self.orders: list[array[int]] = []
        """The stamps that each watch has heard, in order."""
        self.written = Written()
        self.chance = random.Random(task.seed)
        self.values = Values(task.value_bytes, self.chance)
        self.schedule: Schedule | None = None

    async def watch(self) -> None:
        """Open the watches. Raises DriverError."""
        for _ in range(self.task.watchers):
            await self.driver.watch(self.task.prefix.encode(), self._listener())

    def _listener(self) -> Heard:
        order, heard = array("q"), self.heard
        self.orders.append(order)

        def hear(value: bytes) -> None:
            due_ns = stamp_of(value)
            if due_ns != FILLED_NS:
                order.append(due_ns)
                heard.of_due(due_ns, heard.stamp() - due_ns)

        return hear

    @property
    def heard_total(self) -> int:
        """Return how many events all watches have heard."""
        return sum(map(len, self.orders))

    def operations(self, held: list[Held]) -> list[Operation]:
        """Return what each caller repeats."""
        task = self.task
        make, keys = OPERATIONS[task.operation], shares(held, task.clients, self.chance)
        return [
            make(Caller(self.driver, own, self.values, self.chance, self.written, task.read_share))
            for own in keys
        ]

    async def read(self) -> Reading:
        """Read where everything stands."""
        counters = await self.driver.counters()
        return Reading(self.tally.stamp(), time.process_time(), counters, self.written.count)

    def drop(self) -> None:
        """Leave undone what still waits for a caller."""
        self.tally.dropping = True

    async def quiet(self) -> None:
        """Return once the watches have nothing more to tell."""
        told = -1
        while told != self.heard_total:
            told = self.heard_total
            await asyncio.sleep(QUIET_S)


async def perform(task: Task, clock: Clock, begin: Begin) -> Outcome:
    """Do a share. Raises DriverError, TimeoutError."""
    data = Path(task.directory) / "data"
    spot = Spot(task.store, data, task.connections, task.polls, task.quorum)
    async with DRIVERS[task.driver].make(spot) as driver:
        share = Share(task, driver, clock)
        at_first = await driver.revision()
        held = await fill(share) if task.clients else []
        await begin()  # else the watches would hear of the filling first
        if task.ordered:
            share.written.stamps = {}
        await share.watch()
        begin_ns = await begin()
        outcome = await load(share, held, begin_ns)
        return replace(outcome, revisions=await driver.revision() - at_first)


async def fill(share: Share) -> list[Held]:
    """Write every key of this process once. Raises DriverError."""
    task, driver, values = share.task, share.driver, share.values
    prefix = task.prefix.encode()
    first, step = task.keys
    held = [Held(key_of(prefix, number)) for number in range(first, task.keys_total, step)]
    left = iter(held)

    async def filler() -> None:
        for each in left:
            each.revision = await driver.swap(each.key, values.at(FILLED_NS), 0)
            share.written.count += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(FILLERS):
            group.create_task(filler())
    return held


async def load(share: Share, held: list[Held], begin_ns: int) -> Outcome:
    """Let the callers call and the watches hear; return what happened in the window."""
    task, tally = share.task, share.tally
    operations = share.operations(held) if task.clients else []
    whole_s = task.warmup_s + task.duration_s + DRAIN_S_MAX
    with KernelTimer() as timer:
        if task.rate and operations:
            share.schedule = Schedule(task.rate, tally, timer.sleep)
        async with asyncio.timeout(whole_s), asyncio.TaskGroup() as group:
            _start(share, operations, group, begin_ns)
            window = await _window(share)
            tally.stopping = True
            asyncio.get_running_loop().call_later(min(task.duration_s, LATE_S_MAX), share.drop)
    if task.watchers:
        await share.quiet()
    return _outcome(share, window)


def _start(
    share: Share, operations: list[Operation], group: asyncio.TaskGroup, begin_ns: int
) -> None:
    schedule = share.schedule
    if schedule is not None:
        group.create_task(schedule.run(begin_ns, len(operations)))
    for each in operations:
        group.create_task(
            closed_loop(each, share.tally) if schedule is None else schedule.serve(each)
        )


class Window(NamedTuple):
    """What was measured between two readings."""

    begin: Reading
    end: Reading
    latencies: array[int]
    """Of the answers in it."""
    heard: int
    late_ns: int


async def _window(share: Share) -> Window:
    """Wait through warm-up and window; return what happened in the latter."""
    task, tally, heard = share.task, share.tally, share.heard
    await asyncio.sleep(task.warmup_s)
    begin = await share.read()
    from_ns = tally.stamp()
    tally.forget(from_ns)
    heard.forget(from_ns)
    if share.schedule is not None:
        share.schedule.forget()
    await asyncio.sleep(task.duration_s)
    latencies, told = tally.latencies[:], len(heard.latencies)
    tally.until_ns = heard.until_ns = tally.stamp()
    end = await share.read()
    late_ns = share.schedule.late_ns_max if share.schedule is not None else 0
    return Window(begin, end, latencies, told, late_ns)


def order_of(stamps: array[int]) -> str:
    """Return a digest of stamps in their order."""
    return hashlib.blake2b(stamps.tobytes(), digest_size=8).hexdigest()


def _written_order(written: Written) -> str:
    if not written.stamps:
        return ""
    return order_of(array("q", (written.stamps[each] for each in sorted(written.stamps))))


def _ended(driver: Driver) -> Iterator[str]:
    return (f"a watch ended: {why}" for why in driver.ended())


def _outcome(share: Share, window: Window) -> Outcome:
    begin, end = window.begin, window.end
    watching, schedule = share.task.watchers > 0, share.schedule
    latencies = window.latencies if schedule is None else share.tally.due_latencies
    due = schedule.due if schedule is not None else 0
    return Outcome(
        operations=len(window.latencies),
        window_s=(end.stamp_ns - begin.stamp_ns) / 1e9,
        cpu_s=end.cpu_s - begin.cpu_s,
        histogram=histogram_of(latencies).encode(),
        failures=dict(share.tally.failures + Counter(_ended(share.driver))),
        counters={name: end.counters[name] - begin.counters[name] for name in end.counters},
        due=due,
        undone=max(due - len(latencies), 0),
        late_ms_max=window.late_ns / 1e6,
        writes=end.written - begin.written,
        writes_total=share.written.count,
        heard=window.heard,
        heard_total=share.heard_total,
        heard_orders=dict(Counter(map(order_of, share.orders))),
        written_order=_written_order(share.written),
        heard_histogram=histogram_of(share.heard.due_latencies).encode() if watching else "",
    )
