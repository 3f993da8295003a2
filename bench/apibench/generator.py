"""The generator's process: ``python -m bench.apibench.generator TASK.json``.

It does one cell and writes ``outcome.json``. What happens inside its window, CPU included, it
reads itself, at the window's very bounds.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from bench.apibench.endpoint import Endpoint, UnreachableError
from bench.apibench.lanes import Lane, Tally, connect
from bench.apibench.operations.interface import Plan
from bench.apibench.operations.registry import OPERATIONS
from bench.apibench.settings import OUTCOME_FILE, Outcome, Task
from bench.apibench.site import SetUpError, Site
from bench.measurements.histogram import LatencyHistogram
from bench.results import read_json, write_json
from bench.sampling import read_usage
from serialization.codecs.registry import CODECS
from storage.clock import Clock, SystemClock

DRAIN_S_MAX: Final = 30.0
YOUNG_ONLY: Final = (100_000, 1_000_000, 1_000_000)
"""The lanes make no cycles: a collection of everything would look like the server's latency."""
COUNTED_S_MAX: Final = 600.0
"""How long a cell that counts operations may take."""


class Reading(NamedTuple):
    """The state at one bound of the window."""

    stamp_ns: int
    cpu_s: dict[str, float]


def read_cpu(pids: dict[str, list[int]], clock: Clock) -> Reading:
    """Read what processes have used so far, by name; those that are gone count as nothing."""
    used = {
        name: sum(usage.cpu_s for pid in group if (usage := read_usage(pid)) is not None)
        for name, group in pids.items()
    }
    return Reading(clock.stamp_ns(), used)


async def perform(task: Task, clock: Clock) -> Outcome:
    """Do one cell. Raises SetUpError, UnreachableError."""
    endpoint = Endpoint(task.server)
    site = Site(endpoint, CODECS[task.codec], task.namespace, task.series)
    operation = OPERATIONS[task.operation]
    works = await operation.prepare(site, Plan(task.connections, task.pods))
    tally = Tally(clock)
    lanes = [Lane(work, tally) for work in works]
    await connect(endpoint, lanes)
    begin, end, latencies = await _window(task, tally, lanes, clock)
    for lane in lanes:
        lane.close()
    requests = site.requests + Counter({operation.sort: tally.answered})
    return Outcome(
        operations=latencies.count,
        window_s=(end.stamp_ns - begin.stamp_ns) / 1e9,
        begin_ns=begin.stamp_ns,
        end_ns=end.stamp_ns,
        cpu_s={name: end.cpu_s[name] - begin.cpu_s[name] for name in end.cpu_s},
        histogram=latencies.encode(),
        requests=dict(requests),
        failures=dict(tally.failures),
        first_failure=tally.first_failure,
        received_bytes=tally.received_bytes,
    )


async def _window(
    task: Task, tally: Tally, lanes: list[Lane], clock: Clock
) -> tuple[Reading, Reading, LatencyHistogram]:
    """Run the lanes; return the window's bounds and what was measured between them."""
    pids = {**task.pids, "generator": [os.getpid()]}
    tally.left = task.count or -1
    begin = read_cpu(pids, clock)
    for lane in lanes:
        lane.send()
    if task.count:
        async with asyncio.timeout(COUNTED_S_MAX):
            await tally.idle.wait()
    else:
        await asyncio.sleep(task.warmup_s)
        tally.forget()
        begin = read_cpu(pids, clock)
        await asyncio.sleep(task.duration_s)
    end = read_cpu(pids, clock)
    measured, received = tally.latencies, tally.received_bytes
    tally.forget()
    tally.stopping = True
    if tally.busy:
        async with asyncio.timeout(DRAIN_S_MAX):
            await tally.idle.wait()
    tally.received_bytes = received
    return begin, end, histogram_of(measured)


def histogram_of(latencies_ns: Iterable[int]) -> LatencyHistogram:
    """Return a histogram of latencies."""
    histogram = LatencyHistogram()
    for latency_us, count in Counter(each // 1000 for each in latencies_ns).items():
        histogram.record_us(latency_us, count)
    return histogram


def raise_file_limit() -> None:
    """Allow as many open files as the hard limit does: a watcher is a socket."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(task_file: Path) -> int:
    """Do the cell; return the exit code (1: the server refused it, or is not there)."""
    raise_file_limit()
    task = read_json(task_file, Task)
    clock = SystemClock()
    gc.freeze()
    gc.set_threshold(*YOUNG_ONLY)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(perform(task, clock))
    except TimeoutError:
        sys.stderr.write("the server has stopped answering\n")
        return 1
    except (SetUpError, UnreachableError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    write_json(Path(task.directory) / OUTCOME_FILE, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
