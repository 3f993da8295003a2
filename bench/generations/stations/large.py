"""Rows c and f: a LIST of everything, a snapshot under writes, and a start on all those data."""

from __future__ import annotations

import asyncio
from statistics import median
from typing import Final, NamedTuple

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
    ground.values["f_start_empty_s"] = ground.server.begun.seconds
    async with ground.server.client(connections=CALLERS) as writer:
        keys = (key_of(number) for number in range(sizes.objects))
        await fill(writer, keys, values, ground.clock)
        await asyncio.sleep(sizes.settle_s)
        ground.values["f_anon_mib"] = ground.server.look().anon_mib
        if "c" in ground.rows:
            await _list(ground)
        if "f" in ground.rows:
            await _snapshot(ground, writer, values)
    if "f" in ground.rows:
        await _restart(ground)


class Listed(NamedTuple):
    """One LIST of everything, beside a prober."""

    seconds: float
    cpu_s: float
    """Of the server, without what the prober's questions cost."""
    received: int
    gap_ms: float
    late_ms: float


async def _list(ground: Ground) -> None:
    """Read everything while a prober asks, again and again; what counts is the median."""
    async with ground.server.client() as lister, ground.server.client() as asking:
        found = [
            await _listed(ground, lister, asking, counted=not number)
            for number in range(ground.sizes.lists)
        ]
    sizes = [each.received for each in found]
    if max(sizes) - min(sizes) >= ground.sizes.objects:  # a digit of an index, but not an object
        raise ClientError(f"lists of different sizes: {sizes}")
    ground.values["c_list_s"] = median(each.seconds for each in found)
    ground.values["c_list_bytes"] = median(each.received for each in found)
    ground.values["c_list_cpu_s"] = median(each.cpu_s for each in found)
    ground.values["c_get_gap_ms_max"] = median(each.gap_ms for each in found)
    ground.values["c_client_late_ms_max"] = max(each.late_ms for each in found)
    ground.values["c_anon_mib_after"] = ground.server.look().anon_mib


async def _listed(ground: Ground, lister: Client, asking: Client, *, counted: bool) -> Listed:
    """Read everything once; ``counted``: see that it is everything, which takes longer."""
    clock = ground.clock
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
    answer = answers.pop()
    if counted and (found := lister.count(answer)) != ground.sizes.objects:
        wrong = f"a list told {found} of {ground.sizes.objects}"
        raise ClientError(wrong)
    return Listed(
        seconds=spans[0] / 1e9,
        cpu_s=max(used.cpu_s - await _probed_cpu(ground, asking, len(prober.latencies_ns)), 0.0),
        received=(lister.traffic() - carried).received,
        gap_ms=prober.gap_ms_max,
        late_ms=prober.late_ms_max,
    )


async def _probed_cpu(ground: Ground, client: Client, asked: int) -> float:
    """Return what so many of the prober's questions cost the server by themselves."""
    before = ground.server.look()
    for _ in range(asked):
        await client.get(key_of(0))
    return ground.used(before).cpu_s


async def _snapshot(ground: Ground, writer: Client, values: Values) -> None:
    """Write by a schedule, in spans each long enough for a snapshot, while a prober asks.

    The longest wait is one of thousands of answers, so it is the median of the spans' longest.
    """
    sizes = ground.sizes
    number = 0

    async def write(due_ns: int) -> None:
        nonlocal number
        number += 1
        await writer.put(key_of(number % OVERWRITTEN, BESIDE), values.at(due_ns))

    probers: list[Prober] = []
    rates: list[float] = []
    made: list[int] = []
    before: Look = ground.server.look()
    async with ground.server.client() as asking:
        for _ in range(sizes.snapshot_spans):
            taken = ground.server.snapshots()
            prober = Prober(asking, key_of(0), ground.clock)
            paced = Paced(write, ground.clock)
            count = sizes.snapshot_writes // sizes.snapshot_spans
            await beside(prober, paced.run(sizes.snapshot_writes_per_s, count))
            probers.append(prober)
            rates.append(paced.per_s)
            made.append(len(ground.server.snapshots() - taken))
    used = ground.used(before)
    found = sorted(each for prober in probers for each in prober.latencies_ns)
    ground.values["f_gap_ms_max"] = median(each.gap_ms_max for each in probers)
    ground.values["f_client_late_ms_max"] = max(each.late_ms_max for each in probers)
    ground.values["f_get_p99_ms"] = found[int(len(found) * 0.99)] / 1e6
    ground.values["f_written_per_s"] = median(rates)
    ground.values["f_disk_bytes_per_write"] = used.disk_bytes / max(number, 1)
    ground.values["f_snapshots"] = sum(made)
    if ground.generation == 2 and (without := made.count(0)):
        ground.notes.append(
            f"no snapshot was written in {without} of {len(made)} spans: "
            "their longest wait is of writes alone"
        )


async def _restart(ground: Ground) -> None:
    """End the server in order and start it again, some times; see that nothing is missing."""
    server, last = ground.server, key_of(ground.sizes.objects - 1)
    starts = []
    for _ in range(ground.sizes.restarts):
        await server.stop()
        starts.append(await server.start(last, present=True, hasty=True))
    ground.values["f_restart_s"] = median(each.seconds for each in starts)
    ground.values["f_restart_cpu_s"] = median(each.cpu_s for each in starts)
    async with server.client() as client:
        found = client.count(await client.everything(DIRECTORY))
    if found != ground.sizes.objects:
        wrong = f"{found} of {ground.sizes.objects} objects are there after a restart"
        raise ClientError(wrong)
    ground.values["f_restart_anon_mib"] = server.look().anon_mib
