"""Row d: what it takes that keys with a time to live stay alive."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from bench.etcd_metrics import WAL_SYNCS, EtcdFace, etcd_counters
from bench.generations.clients.interface import ClientError
from bench.generations.loading import Values, key_of
from bench.generations.stations.interface import Ground
from storage.clock import Clock

PERIOD_S: Final = 1.0
"""Every key is kept alive once a period."""
TOGETHER: Final = "together"
APART: Final = "apart"


class Cost(NamedTuple):
    """What keeping all keys alive took, each a key and period."""

    entries: float
    """Growth of the store's index or revision."""
    requests: float
    cpu_us: float
    disk_bytes: float
    syncs: float | None
    """Of the log; None: not told."""


async def living(ground: Ground) -> None:
    """Hold keys for some periods: with one lease for all (etcd 3), and with one for each."""
    ways = {TOGETHER: False, APART: True} if ground.generation == 3 else {TOGETHER: True}
    for way, apart in ways.items():
        _keep(ground, way, await _held(ground, way, apart=apart))
    if ground.generation == 2:  # there is one way only: both comparisons are with it
        for name in [name for name in ground.values if name.endswith(TOGETHER)]:
            ground.values[name.removesuffix(TOGETHER) + APART] = ground.values[name]


def _keep(ground: Ground, way: str, cost: Cost) -> None:
    found = ground.values
    found[f"d_entries_per_refresh_{way}"] = cost.entries
    found[f"d_requests_per_refresh_{way}"] = cost.requests
    found[f"d_cpu_us_per_refresh_{way}"] = cost.cpu_us
    found[f"d_disk_bytes_per_refresh_{way}"] = cost.disk_bytes
    if cost.syncs is not None:
        found[f"d_syncs_per_s_{way}"] = cost.syncs


async def _held(ground: Ground, way: str, *, apart: bool) -> Cost:
    """Keep keys alive; see that they are all there in the end."""
    sizes, directory = ground.sizes, f"/registry/{way}"
    keys = [key_of(number, directory) for number in range(sizes.held_keys)]
    value = Values(sizes.value_bytes, ground.chance).at(0)
    async with ground.server.client(connections=16) as client:
        begin_ns = ground.clock.stamp_ns()
        await client.hold(keys, value, sizes.held_ttl_s, apart=apart)
        await client.refresh()  # so that the stream stands
        await asyncio.sleep(sizes.settle_s)  # what was written just now has gone to the disk
        index, before, syncs = await client.index(), ground.server.look(), await _syncs(ground)
        requests = 0
        for _ in range(sizes.held_periods):
            until_ns = ground.clock.stamp_ns() + int(PERIOD_S * 1e9)
            requests += await client.refresh()
            await asyncio.sleep(max(until_ns - ground.clock.stamp_ns(), 0) / 1e9)
        used, grown = ground.used(before), await client.index() - index
        synced = await _syncs(ground)
        await client.refresh()
        left_s, passed_s = await client.left_s(), (ground.clock.stamp_ns() - begin_ns) / 1e9
        found = client.count(await client.everything(directory))
        if not apart:  # so that nothing ends while the other way is measured
            await client.release()
    if found != len(keys) or left_s <= sizes.held_ttl_s - passed_s:
        wrong = (
            f"{found} of {len(keys)} keys are there, {left_s:g} s are left to the first "
            f"of {sizes.held_ttl_s}, of which {passed_s:.1f} s ago all were left"
        )
        raise ClientError(wrong)
    refreshes = sizes.held_keys * sizes.held_periods
    return Cost(
        entries=grown / refreshes,
        requests=requests / refreshes,
        cpu_us=used.cpu_s * 1e6 / refreshes,
        disk_bytes=used.disk_bytes / refreshes,
        syncs=None if synced is None or syncs is None else (synced - syncs) / (used.stamp_ns / 1e9),
    )


async def _syncs(ground: Ground) -> float | None:
    """Return how often a real etcd has synced its log; None where nobody tells."""
    return await _told(ground.server.address, ground.clock) if ground.server.subject.real else None


async def _told(address: str, clock: Clock) -> float | None:
    async with EtcdFace(f"http://{address}", clock) as face:
        return etcd_counters(await face.metrics()).get(WAL_SYNCS)
