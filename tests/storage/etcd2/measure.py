"""What snapshots and a restart cost the engine of etcd 2, with many keys.

python -m tests.storage.etcd2.measure [--keys 60000] [--value-bytes 1100] [--snapshots 3]

Prints the restart without and with a snapshot, and of each snapshot how long it held the loop, how
long it was being written beside it, its size, and the writes of one caller meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from storage.clock import SystemClock
from storage.etcd2.engine import Etcd2Engine
from storage.etcd2.model import KEYS, Method, Request
from storage.etcd2.opening import etcd2_engine

CALLERS = 64
NEVER = 1 << 60
EACH = 1000
"""Requests between two snapshots: fewer than in earnest, for they are waited for."""

CLOCK = SystemClock()


async def fill(engine: Etcd2Engine, keys: int, value_bytes: int) -> None:
    """Write keys into eight directories."""

    async def caller(number: int) -> None:
        for key in range(number, keys, CALLERS):
            value = f"{key}".ljust(value_bytes, ".")
            await engine.do(Request(Method.PUT, f"{KEYS}/registry/pods/n{key % 8}/p{key}", value))

    async with engine, asyncio.TaskGroup() as tasks:
        for number in range(CALLERS):
            tasks.create_task(caller(number))


async def restart(engine: Etcd2Engine, what: str) -> None:
    """Measure an opening."""
    start_ns, cpu_s = CLOCK.stamp_ns(), time.process_time()
    async with engine:
        took_s, cpu_s = (CLOCK.stamp_ns() - start_ns) / 1e9, time.process_time() - cpu_s
        say(f"restart {what}: {took_s:.2f} s, {cpu_s:.2f} s of CPU, {engine.status().keys} keys")


async def snapshots(engine: Etcd2Engine, count: int, value_bytes: int) -> None:
    """Write on while snapshots are taken."""
    async with engine:
        counters = engine.snapshot_counters()
        request = Request(Method.PUT, f"{KEYS}/other", "." * value_bytes)
        while counters.taken < count:
            waits_ns = []
            seen = counters.taken
            while counters.taken == seen:
                start_ns = CLOCK.stamp_ns()
                await engine.do(request)
                waits_ns.append(CLOCK.stamp_ns() - start_ns)
            waits_ns.sort()
            median_ms, worst_ms = waits_ns[len(waits_ns) // 2] / 1e6, waits_ns[-1] / 1e6
            say(
                f"snapshot: loop held {counters.pause_ns / 1e6:.1f} ms, written in "
                f"{counters.write_ns / 1e9:.2f} s, {counters.size_bytes / 1e6:.0f} MB; "
                f"writes since the last: median {median_ms:.2f} ms, max {worst_ms:.1f} ms"
            )


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(arguments: argparse.Namespace) -> None:
    """Run it all in a directory of its own."""
    with tempfile.TemporaryDirectory() as folder:

        def engine(each: int) -> Etcd2Engine:
            return etcd2_engine(Path(folder) / "data", clock=CLOCK, snapshot_each=each)

        await fill(engine(NEVER), arguments.keys, arguments.value_bytes)
        await restart(engine(NEVER), "from the log alone")
        await snapshots(engine(EACH), arguments.snapshots, arguments.value_bytes)
        await restart(engine(NEVER), "from a snapshot and the log")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=60_000)
    parser.add_argument("--value-bytes", type=int, default=1100)
    parser.add_argument("--snapshots", type=int, default=3)
    asyncio.run(main(parser.parse_args()))
