"""A measuring process: ``python -m bench.generations.worker TASK.json``.

It starts a subject's server on free ports, does one station with it and writes ``found.json``.
Each station of each subject has a process and a server of its own, so nothing outlives it.
"""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from bench.apibench.generator import raise_file_limit
from bench.apibench.orphans import end_with_parent
from bench.child import ChildError
from bench.generations.clients.interface import ClientError
from bench.generations.servers import Server
from bench.generations.settings import Found, Task
from bench.generations.stations.interface import Ground
from bench.generations.stations.registry import STATIONS
from bench.generations.subjects import SUBJECTS
from bench.machine import read_machine
from bench.results import read_json, write_json
from bench.storebench.generator import YOUNG_ONLY, alone
from storage.clock import SystemClock

FOUND_FILE: Final = "found.json"
FAILURES: Final = (ClientError, ChildError, TimeoutError)


async def measure(task: Task) -> Found:
    """Do the station. Raises ClientError, ChildError, TimeoutError."""
    loop = asyncio.get_running_loop()
    this = asyncio.current_task()
    assert this is not None
    loop.add_signal_handler(signal.SIGTERM, this.cancel)
    end_with_parent(loop)
    clock = SystemClock()
    begin_ns, before = clock.stamp_ns(), _used()
    async with Server(SUBJECTS[task.subject], Path(task.directory), clock) as server:
        ground = Ground(server, task.sizes, task.rows, clock, random.Random(task.seed))
        await STATIONS[task.station][1](ground)
    took_s, after = (clock.stamp_ns() - begin_ns) / 1e9, _used()
    own_s, all_s = after.client_s - before.client_s, after.machine_s - before.machine_s
    others_s = max(all_s - own_s - (after.server_s - before.server_s), 0.0)
    return Found(
        values=ground.values,
        notes=ground.notes,
        client_cpu_s=own_s,
        others_cores=others_s / took_s,
        took_s=took_s,
    )


class _Used(NamedTuple):
    """CPU so far; that of servers is told once they have ended."""

    client_s: float
    server_s: float
    machine_s: float


def _used() -> _Used:
    servers = resource.getrusage(resource.RUSAGE_CHILDREN)
    machine = read_machine()
    own_s, server_s = time.process_time(), servers.ru_utime + servers.ru_stime
    return _Used(own_s, server_s, machine.busy_s if machine else own_s + server_s)


def main(task_file: Path) -> int:
    """Do the station; return the exit code (1: the server refused it, or is not there)."""
    raise_file_limit()
    task = read_json(task_file, Task)
    gc.freeze()
    gc.set_threshold(*YOUNG_ONLY)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(measure(task))
    except asyncio.CancelledError:
        sys.stderr.write("stopped\n")
        return 1
    except (*FAILURES, ExceptionGroup) as error:
        cause = alone(error)
        if not isinstance(cause, FAILURES):
            raise
        sys.stderr.write(f"{str(cause) or 'no answer in time'}\n")
        return 1
    write_json(Path(task.directory) / FOUND_FILE, found)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
