"""How fast a store takes writes, from callers in one loop that each wait for their answer.

python -m tests.storage.measure [--store etcd3] [--callers 1 16 64] [--seconds 2] [--inline]

Prints a line per number of callers: creates a second, then updates a second, each with CPU
microseconds an operation (the commit thread's included), and the mean size of a group.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from asyncio import TaskGroup
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from storage.clock import SystemClock
from storage.interface import Store
from storage.registry import STORES, StoreOptions

VALUE_BYTES = 1144
"""A running pod in protobuf."""

CLOCK = SystemClock()


async def rate(callers: int, seconds: float, write: Callable[[int, int], Awaitable[None]]) -> str:
    """Let callers write until the time is over; return the rate and the CPU an operation."""
    end_ns = CLOCK.stamp_ns() + int(seconds * 1e9)
    counts = [0] * callers

    async def caller(number: int) -> None:
        while CLOCK.stamp_ns() < end_ns:
            await write(number, counts[number])
            counts[number] += 1

    start_ns, cpu_s = CLOCK.stamp_ns(), time.process_time()
    async with TaskGroup() as tasks:
        for number in range(callers):
            tasks.create_task(caller(number))
    took_s, cpu_s = (CLOCK.stamp_ns() - start_ns) / 1e9, time.process_time() - cpu_s
    done = sum(counts)
    return f"{done / took_s:9,.0f}/s {cpu_s / done * 1e6:6.1f} us"


async def measure(store: Store, callers: int, seconds: float) -> str:
    """Measure creates of new keys, then updates of one key a caller."""
    revisions: dict[bytes, int] = {}

    async def create(number: int, step: int) -> None:
        await store.create(b"/registry/pods/default/pod-%d-%d" % (number, step), value)

    async def update(number: int, step: int) -> None:
        key = b"/registry/pods/default/pod-%d-0" % number
        expected = revisions.get(key) or (await store.list(key, limit=1)).items[0].revision
        revisions[key] = await store.update(key, b"%d" % step + value, expected=expected)

    value = b"v" * VALUE_BYTES
    created = await rate(callers, seconds, create)
    updated = await rate(callers, seconds, update)
    status = await store.status()
    return f"create {created}   update {updated}   group {status.writes / status.commits:5.1f}"


async def main(arguments: argparse.Namespace) -> None:
    """Measure each number of callers on a store of its own."""
    for callers in arguments.callers:
        with tempfile.TemporaryDirectory(dir=arguments.data_dir) as folder:
            options = StoreOptions(data_dir=Path(folder), inline_commits=arguments.inline)
            async with STORES[arguments.store].make(options) as store:
                line = await measure(store, callers, arguments.seconds)
            sys.stdout.write(f"{arguments.store} callers {callers:3}: {line}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", default="etcd3", choices=sorted(STORES))
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--inline", action="store_true")
    parser.add_argument("--data-dir", type=Path)
    uvloop.run(main(parser.parse_args()))
