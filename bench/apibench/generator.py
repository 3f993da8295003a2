"""The generator's process: ``python -m bench.apibench.generator TASK.json``.

It does one cell and writes ``outcome.json``. What happens inside its window, CPU included, it
reads itself, at the window's very bounds.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import signal
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from bench.apibench.endpoint import Endpoint, UnreachableError
from bench.apibench.lanes import Lane, Tally, connect
from bench.apibench.operations.interface import Plan
from bench.apibench.operations.registry import OPERATIONS
from bench.apibench.orphans import end_with_parent
from bench.apibench.pacing import Pace, PacedLane
from bench.apibench.settings import OUTCOME_FILE, SAMPLES_FILE, Outcome, Task
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


def read_cpu(pids: dict[str, list[int]], tally: Tally) -> Reading:
    """Read what processes have used so far, by name; those that are gone count as nothing."""
    used = {
        name: sum(usage.cpu_s for pid in group if (usage := read_usage(pid)) is not None)
        for name, group in pids.items()
    }
    return Reading(tally.stamp(), used)


class Control:
    """How the process around a cell says when to end, and hears when its window begins."""

    def __init__(self, begun: Callable[[], None] = lambda: None) -> None:
        self.begun = begun
        self.asked = asyncio.Event()
        """Set when the window is to end early."""


async def perform(task: Task, clock: Clock, control: Control | None = None) -> Outcome:
    """Do one cell. Raises SetUpError, UnreachableError, TimeoutError."""
    control = control or Control()
    endpoint, codec = Endpoint(task.server), CODECS[task.codec]
    site = Site(endpoint, codec, task.namespace, task.series, distinct=task.distinct)
    operation = OPERATIONS[task.operation]
    works = await operation.prepare(site, Plan(task.connections, clock, task.pods, task.nodes))
    tally = Tally(clock)
    tally.left = task.count or -1
    tally.sent = array("q") if task.samples else None
    pace = Pace(task.rate, tally) if task.rate else None
    lanes = [Lane(work, tally) if pace is None else PacedLane(work, tally, pace) for work in works]
    await connect(site.endpoint, lanes)
    window = await _run(task, tally, lanes, pace, control)
    for lane in lanes:
        lane.close()
    if window.sent is not None:
        _write_samples(task, window.sent, window.latencies)
    begin, end = window.begin, window.end
    return Outcome(
        operations=len(window.latencies),
        window_s=(end.stamp_ns - begin.stamp_ns) / 1e9,
        begin_ns=begin.stamp_ns,
        end_ns=end.stamp_ns,
        cpu_s={name: end.cpu_s[name] - begin.cpu_s[name] for name in end.cpu_s},
        histogram=histogram_of(window.latencies).encode(),
        requests=dict(site.requests + Counter({operation.sort: tally.answered})),
        failures=dict(tally.failures),
        first_failure=tally.first_failure,
        received_bytes=window.received_bytes,
        late_ms_max=pace.late_ns_max / 1e6 if pace else 0.0,
        sequences={pod: times for work in works for pod, times in work.written().items()},
        short=window.short and not pace,
    )


class Window(NamedTuple):
    """What was measured between two readings."""

    begin: Reading
    end: Reading
    latencies: array[int]
    sent: array[int] | None
    received_bytes: int
    short: bool


async def _run(
    task: Task, tally: Tally, lanes: list[Lane], pace: Pace | None, control: Control
) -> Window:
    """Run the lanes to their end; return what happened in the window."""
    pids = {**task.pids, "generator": [os.getpid()]}
    async with asyncio.TaskGroup() as group:
        begin = read_cpu(pids, tally)
        if pace is not None:
            group.create_task(pace.run())
        else:
            for lane in lanes:
                lane.send()
        short = False
        if task.count:
            await _ended(tally, COUNTED_S_MAX)
        else:
            await asyncio.sleep(task.warmup_s)
            tally.forget()
            begin = read_cpu(pids, tally)
            control.begun()
            # Paced connections are idle now and then; others only when nothing is left.
            short = await _came(control.asked if pace else tally.idle, task.duration_s)
        end = read_cpu(pids, tally)
        window = Window(begin, end, tally.latencies, tally.sent, tally.received_bytes, short)
        tally.forget()
        tally.stopping = True
    await _drained(tally)
    return window


async def _ended(tally: Tally, most_s: float) -> None:
    """Return once all that was to be sent is answered. Raises TimeoutError."""
    async with asyncio.timeout(most_s):
        while tally.left or tally.busy:
            tally.idle.clear()
            await tally.idle.wait()


async def _came(event: asyncio.Event, most_s: float) -> bool:
    """Return after that time and False, or when the event has come and True."""
    try:
        async with asyncio.timeout(most_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _drained(tally: Tally) -> None:
    """Return once nothing is under way. Raises TimeoutError."""
    async with asyncio.timeout(DRAIN_S_MAX):
        while tally.busy:
            tally.idle.clear()
            await tally.idle.wait()


def _write_samples(task: Task, sent: array[int], latencies: array[int]) -> None:
    pairs = array("q", chain.from_iterable(zip(sent, latencies, strict=True)))
    (Path(task.directory) / SAMPLES_FILE).write_bytes(pairs.tobytes())


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


async def _process(task: Task, clock: Clock) -> Outcome:
    """Do the cell; say when the window begins. SIGTERM ends what is paced, and stops all else."""
    control = Control(_say_ready)
    loop = asyncio.get_running_loop()
    this = asyncio.current_task()
    assert this is not None
    loop.add_signal_handler(signal.SIGTERM, control.asked.set if task.rate else this.cancel)
    end_with_parent(loop)
    return await perform(task, clock, control)


def _say_ready() -> None:
    sys.stdout.write(json.dumps({"ready": True}) + "\n")
    sys.stdout.flush()


def main(task_file: Path) -> int:
    """Do the cell; return the exit code (1: the server refused it, or is not there)."""
    raise_file_limit()
    task = read_json(task_file, Task)
    clock = SystemClock()
    gc.freeze()
    gc.set_threshold(*YOUNG_ONLY)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(_process(task, clock))
    except asyncio.CancelledError:
        sys.stderr.write("stopped\n")
        return 1
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
