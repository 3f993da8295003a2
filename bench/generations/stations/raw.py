"""Row h: single writes and reads of 64 clients, and what one costs the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import cycle
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

        await _measure(ground, "put", put, client)
        await _measure(ground, "get", get, client)
        await _measure(ground, "read", read, client)


async def _measure(
    ground: Ground, what: str, operation: Callable[[], Awaitable[None]], client: Client
) -> None:
    looped = Looped(ground.clock)
    before, carried = ground.server.look(), client.traffic()
    await looped.run(operation, ground.sizes.raw_callers, ground.sizes.raw_s)
    used, moved = ground.used(before), client.traffic() - carried
    done = len(looped.latencies_ns)
    ground.values[f"h_{what}s_per_s"] = done / looped.seconds
    ground.values[f"h_{what}_cpu_us"] = used.cpu_s * 1e6 / done
    ground.values[f"h_{what}_p99_ms"] = sorted(looped.latencies_ns)[int(done * 0.99)] / 1e6
    ground.values[f"h_{what}_client_cores"] = looped.client_cores
    if looped.client_cores > CLIENT_CORES_MAX:
        ground.notes.append(f"{what}: the client used {looped.client_cores:.2f} of a core")
    ground.values[f"h_{what}_bytes"] = (moved.sent + moved.received) / done
