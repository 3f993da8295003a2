"""Row b: what watchers cost the server in memory and CPU, idle and with events flowing."""

from __future__ import annotations

import asyncio
from itertools import cycle
from typing import Final

from bench.generations.clients.interface import Client, ClientError, Value
from bench.generations.loading import DIRECTORY, Paced, Values, fill, key_of
from bench.generations.stations.interface import Ground

KEYS: Final = 100
DRAIN_S_MAX: Final = 10.0
POLL_S: Final = 0.01


class Told:
    """Counts what all watchers are told."""

    def __init__(self) -> None:
        self.count = 0

    def heard(self, _index: int, _value: Value) -> None:
        """Take an event."""
        self.count += 1

    async def all(self, due: int) -> None:
        """Return once so many have been told. Raises TimeoutError."""
        async with asyncio.timeout(DRAIN_S_MAX):
            while self.count < due:  # noqa: ASYNC110  no event is cheaper than a thousand
                await asyncio.sleep(POLL_S)


async def fanning(ground: Ground) -> None:
    """Open more and more watches over everything; look at the server at each number."""
    sizes = ground.sizes
    values = Values(sizes.value_bytes, ground.chance)
    told = Told()
    async with (
        ground.server.client(connections=4) as writer,
        ground.server.client() as watcher,
    ):
        await fill(writer, (key_of(each) for each in range(KEYS)), values, ground.clock)
        await asyncio.sleep(sizes.settle_s)
        base_mib = ground.server.look().anon_mib
        ground.values["b_anon_mib_at_0"] = base_mib
        stand = 0
        for count in sizes.watchers:
            await watcher.watches([DIRECTORY] * (count - stand), told.heard)
            stand = count
            await asyncio.sleep(sizes.settle_s)
            idle = ground.server.look()
            await asyncio.sleep(sizes.settle_s)
            used = ground.used(idle)
            ground.values[f"b_idle_anon_mib_at_{count}"] = used.anon_mib
            ground.values[f"b_idle_cores_at_{count}"] = used.cpu_s / (used.stamp_ns / 1e9)
            await _flow(ground, writer, values, told, count)
            if watcher.ended:
                raise ClientError(f"one of {count} watches ended: {watcher.ended}")
    most = sizes.watchers[-1]
    for name in ("b_flow_cpu_us_per_event", "b_flow_anon_mib"):
        ground.values[f"{name}_at_most"] = ground.values[f"{name}_at_{most}"]
    for state in ("idle", "flow"):
        grown = ground.values[f"b_{state}_anon_mib_at_{most}"] - base_mib
        ground.values[f"b_{state}_kib_per_watcher"] = max(grown, 0.0) * 1024 / most


async def _flow(ground: Ground, writer: Client, values: Values, told: Told, count: int) -> None:
    """Write for a while; every write is an event to every watcher."""
    sizes = ground.sizes
    around = cycle(range(KEYS))

    async def write(due_ns: int) -> None:
        await writer.put(key_of(next(around)), values.at(due_ns))

    told.count = 0
    before = ground.server.look()
    paced = Paced(write, ground.clock)
    await paced.run(sizes.fan_writes_per_s, max(int(sizes.fan_writes_per_s * sizes.fan_s), 1))
    await told.all(paced.done * count)
    used = ground.used(before)
    ground.values[f"b_flow_anon_mib_at_{count}"] = used.anon_mib
    ground.values[f"b_flow_cpu_us_per_event_at_{count}"] = used.cpu_s * 1e6 / told.count
