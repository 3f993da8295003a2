"""Row h: single writes and reads of 64 clients, and what one costs the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import cycle
from statistics import median
from typing import Final

from bench.generations.clients.interface import Client
from bench.generations.loading import CLIENT_CORES_MAX, Looped, Values, fill, key_of
from bench.generations.stations.interface import Ground

KEYS: Final = 2_000


async def raw(ground: Ground) -> None:
    """Ask as fast as answers come: writes, then reads: as Kubernetes asked, and linearizable."""
    sizes = ground.sizes
    values = Values(sizes.value_bytes, ground.chance)
    keys = [key_of(number) for number in range(KEYS if sizes.raw_callers > 8 else 50)]
    async with ground.server.client(connections=sizes.raw_callers) as client:
        await fill(client, keys, values, ground.clock)
        around = cycle(keys)

        async def put() -> None:
            await client.put(next(around), values.at(ground.clock.stamp_ns()))

        async def get() -> None:
            await client.get(next(around))

        async def read() -> None:
            await client.read(next(around))

        turns: dict[str, list[float]] = {}
        for _ in range(sizes.raw_turns):
            for what, operation in (("put", put), ("get", get), ("read", read)):
                for name, value in (await _measure(ground, what, operation, client)).items():
                    turns.setdefault(name, []).append(value)
    ground.values |= {name: median(values) for name, values in turns.items()}
    for what in ("put", "get", "read"):
        if (cores := ground.values[f"h_{what}_client_cores"]) > CLIENT_CORES_MAX:
            ground.notes.append(f"{what}: the client used {cores:.2f} of a core")


async def _measure(
    ground: Ground, what: str, operation: Callable[[], Awaitable[None]], client: Client
) -> dict[str, float]:
    """Return the values of one turn."""
    looped = Looped(ground.clock)
    before, carried = ground.server.look(), client.traffic()
    await looped.run(operation, ground.sizes.raw_callers, ground.sizes.raw_s)
    used, moved = ground.used(before), client.traffic() - carried
    done = len(looped.latencies_ns)
    return {
        f"h_{what}s_per_s": done / looped.seconds,
        f"h_{what}_cpu_us": used.cpu_s * 1e6 / done,
        f"h_{what}_p99_ms": sorted(looped.latencies_ns)[int(done * 0.99)] / 1e6,
        f"h_{what}_client_cores": looped.client_cores,
        f"h_{what}_bytes": (moved.sent + moved.received) / done,
    }
