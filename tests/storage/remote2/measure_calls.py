"""``python -m tests.storage.remote2.measure_calls``: creates by both generations' stores.

Over one real etcd that speaks both protocols, in turn, on uvloop: creates a second, and what one of
them costs this process in CPU, by callers; the best of the rounds.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from time import process_time_ns

import uvloop

from storage.clock import SystemClock
from storage.interface import Store
from storage.registry import StoreOptions, store_entry
from tests.etcd_members import EtcdCluster, EtcdOptions

VALUE = b'{"kind":"Pod","spec":{"containers":[{"name":"c","image":"i"}]}}' * 18
CALLERS = (1, 16, 64)
ROUNDS = 3
SPAN_S = 1.5


async def creates(store: Store, callers: int) -> tuple[float, float]:
    """Return creates a second, and microseconds of CPU each."""
    clock = SystemClock()
    begun, cpu = clock.stamp_ns(), process_time_ns()
    end = begun + round(SPAN_S * 1e9)
    made = 0

    async def make(caller: int) -> None:
        nonlocal made
        number = 0
        while clock.stamp_ns() < end:
            await store.create(b"/registry/pods/%d/%d-%d" % (callers, caller, number), VALUE)
            number += 1
            made += 1

    await asyncio.gather(*[make(caller) for caller in range(callers)])
    return made * 1e9 / (clock.stamp_ns() - begun), (process_time_ns() - cpu) / made / 1000


async def main() -> None:
    """Measure, and print a row for each store and number of callers."""
    best: dict[tuple[str, int], tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        async with EtcdCluster(Path(directory), EtcdOptions(enable_v2=True)) as cluster:
            for turn in range(ROUNDS):
                for address in (cluster.v2_url, cluster.url):
                    entry = store_entry(f"{address}?prefix=/{turn}")
                    async with entry.make(StoreOptions()) as store:
                        for callers in CALLERS:
                            row = (address.partition(":")[0], callers)
                            rate, cpu_us = await creates(store, callers)
                            before = best.get(row, (0.0, cpu_us))
                            best[row] = (max(rate, before[0]), min(cpu_us, before[1]))
    for (kind, callers), (rate, cpu_us) in sorted(best.items()):
        sys.stdout.write(f"{kind}  {callers:3d} callers  {rate:7,.0f}/s  {cpu_us:5.0f} us\n")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
