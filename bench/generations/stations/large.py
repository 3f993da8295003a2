"""Rows c and f: a LIST of everything, a snapshot under writes, and a start on all those data."""

from __future__ import annotations

import asyncio
from typing import Final

from bench.generations.clients.interface import Client, ClientError
from bench.generations.loading import (
    BESIDE,
    CALLERS,
    DIRECTORY,
    Paced,
    Prober,
    Values,
    beside,
    fill,
    key_of,
)
from bench.generations.servers import Look
from bench.generations.stations.interface import Ground

OVERWRITTEN: Final = 5_000
"""How many keys the writes beside the prober go round."""


async def large(ground: Ground) -> None:
    """Fill a store; then what the rows ask for."""
    sizes = ground.sizes
    values = Values(sizes.value_bytes, ground.chance)
    ground.values["f_start_empty_s"] = ground.server.start_s
    async with ground.server.client(connections=CALLERS) as writer:
        keys = (key_of(number) for number in range(sizes.objects))
        await fill(writer, keys, values, ground.clock)
        await asyncio.sleep(sizes.settle_s)
        ground.values["f_anon_mib"] = ground.server.look().anon_mib
        if "c" in ground.rows:
            await _list(ground, writer)
        if "f" in ground.rows:
            await _snapshot(ground, writer, values)
    if "f" in ground.rows:
        await _restart(ground)


async def _list(ground: Ground, client: Client) -> None:
    """Read everything while a prober asks."""
    clock = ground.clock
    async with ground.server.client() as lister, ground.server.client() as asking:
        prober = Prober(asking, key_of(0), clock)
        before, carried = ground.server.look(), lister.traffic()
        spans: list[int] = []
        answers: list[list[bytes]] = []

        async def work() -> None:
            begin_ns = clock.stamp_ns()
            answers.append(await lister.everything(DIRECTORY))
            spans.append(clock.stamp_ns() - begin_ns)

        await beside(prober, work())
        used = ground.used(before)
        if (found := lister.count(answers.pop())) != ground.sizes.objects:
            wrong = f"a list told {found} of {ground.sizes.objects}"
            raise ClientError(wrong)
        received = (lister.traffic() - carried).received
        alone = await _probed_cpu(ground, asking, len(prober.latencies_ns))
    ground.values["c_list_s"] = spans[0] / 1e9
    ground.values["c_list_bytes"] = received
    ground.values["c_list_cpu_s"] = max(used.cpu_s - alone, 0.0)
    ground.values["c_get_gap_ms_max"] = prober.gap_ms_max
    ground.values["c_client_late_ms_max"] = prober.late_ms_max
    ground.values["c_anon_mib_after"] = used.anon_mib


async def _probed_cpu(ground: Ground, client: Client, asked: int) -> float:
    """Return what so many of the prober's questions cost the server by themselves."""
    before = ground.server.look()
    for _ in range(asked):
        await client.get(key_of(0))
    return ground.used(before).cpu_s


async def _snapshot(ground: Ground, writer: Client, values: Values) -> None:
    """Write by a schedule, long enough for a snapshot, while a prober asks."""
    sizes = ground.sizes
    number = 0

    async def write(due_ns: int) -> None:
        nonlocal number
        number += 1
        await writer.put(key_of(number % OVERWRITTEN, BESIDE), values.at(due_ns))

    taken = ground.server.snapshots()
    async with ground.server.client() as asking:
        prober = Prober(asking, key_of(0), ground.clock)
        paced = Paced(write, ground.clock)
        before: Look = ground.server.look()
        await beside(prober, paced.run(sizes.snapshot_writes_per_s, sizes.snapshot_writes))
    used = ground.used(before)
    found = sorted(prober.latencies_ns)
    ground.values["f_gap_ms_max"] = prober.gap_ms_max
    ground.values["f_client_late_ms_max"] = prober.late_ms_max
    ground.values["f_get_p99_ms"] = found[int(len(found) * 0.99)] / 1e6
    ground.values["f_written_per_s"] = paced.per_s
    ground.values["f_disk_bytes_per_write"] = used.disk_bytes / max(paced.done, 1)
    made = len(ground.server.snapshots() - taken)
    ground.values["f_snapshots"] = made
    if ground.generation == 2 and not made:
        ground.notes.append("no snapshot was taken meanwhile: the longest wait is of writes alone")


async def _restart(ground: Ground) -> None:
    """End the server in order, start it again, and see that nothing is missing."""
    server, last = ground.server, key_of(ground.sizes.objects - 1)
    await server.stop()
    ground.values["f_restart_s"] = await server.start(last, present=True)
    async with server.client() as client:
        found = client.count(await client.everything(DIRECTORY))
    if found != ground.sizes.objects:
        wrong = f"{found} of {ground.sizes.objects} objects are there after a restart"
        raise ClientError(wrong)
    ground.values["f_restart_anon_mib"] = server.look().anon_mib
