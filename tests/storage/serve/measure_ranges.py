"""What a Range of everything takes, and how long it holds up others: ours beside a real etcd.

    python -m tests.storage.serve.measure_ranges [--keys N] [--value-bytes N] [--rounds N]

Both servers are filled alike, then asked in turns: a range of everything while another connection
asks for a single key every millisecond. Then what small requests cost the server's CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from bench.generations.clients.etcd3 import Etcd3Client
from bench.generations.loading import DIRECTORY, Prober, Values, beside, fill, key_of
from bench.generations.servers import Server
from bench.generations.subjects import SUBJECTS
from bench.sampling import cpu_s_of
from storage.clock import SystemClock

NAMES: Final = ("etcd3", "etcd3-real")
SMALL: Final = 2000
"""Requests of each small sort."""
HEADER: Final = (
    "round server      total ms  server CPU ms  longest GET ms  median GET ms  client late ms\n"
)


async def measure(directory: Path, keys: int, value_bytes: int, rounds: int) -> None:
    """Print the tables."""
    clock = SystemClock()
    values = Values(value_bytes, random.Random(1))
    async with AsyncExitStack() as stack:
        servers: list[Server] = []
        for name in NAMES:
            home = directory / name
            home.mkdir()
            servers.append(await stack.enter_async_context(Server(SUBJECTS[name], home, clock)))
        for server in servers:
            async with server.client() as client:
                await fill(client, (key_of(number) for number in range(keys)), values, clock)
        sys.stdout.write(HEADER)
        totals: dict[str, list[float]] = {name: [] for name in NAMES}
        for number in range(rounds):
            for server in servers if number % 2 else servers[::-1]:
                totals[server.subject.name].append(await _large(server, keys, number))
        ours, real = (statistics.median(totals[name]) for name in NAMES)
        sys.stdout.write(f"median: ours {ours:.0f} ms, real {real:.0f} ms: {ours / real:.2f}x\n")
        for name, ask in _small(values.at(1)).items():
            for server in servers:
                sys.stdout.write(f"{name:>12} {server.subject.name:<10} {await _cost(server, ask)}")


async def _large(server: Server, keys: int, number: int) -> float:
    """Read everything once; print a line, and return the milliseconds."""
    clock = SystemClock()
    async with server.client() as lister, server.client() as asking:
        prober = Prober(asking, key_of(0), clock)
        used_s, begin_ns = cpu_s_of(server.pid), clock.stamp_ns()
        answers: list[list[bytes]] = []
        spans: list[int] = []

        async def work() -> None:
            answers.append(await lister.everything(DIRECTORY))
            spans.append(clock.stamp_ns() - begin_ns)

        await beside(prober, work())
        used_s = cpu_s_of(server.pid) - used_s
        found = lister.count(answers.pop())
        assert found == keys, f"{found} of {keys}"
    waits = sorted(prober.latencies_ns)
    sys.stdout.write(
        f"{number:>5} {server.subject.name:<10} {spans[0] / 1e6:>9.0f} {used_s * 1e3:>14.0f} "
        f"{waits[-1] / 1e6:>15.1f} {waits[len(waits) // 2] / 1e6:>14.2f} "
        f"{prober.late_ms_max:>15.1f}\n"
    )
    return spans[0] / 1e6


def _small(value: bytes) -> dict[str, Callable[[Etcd3Client], Awaitable[object]]]:
    return {
        "get": lambda client: client.get(key_of(7)),
        "put": lambda client: client.put(key_of(7, "/registry/else"), value),
        "nothing": lambda client: client.everything(key_of(7)),
    }


async def _cost(server: Server, ask: Callable[[Etcd3Client], Awaitable[object]]) -> str:
    """Return the server's CPU of a small request: the least of five rows of them."""
    costs: list[float] = []
    async with Etcd3Client(server.address) as client:
        for _ in range(5):
            used_s = cpu_s_of(server.pid)
            for _ in range(SMALL // 5):
                await ask(client)
            costs.append((cpu_s_of(server.pid) - used_s) / (SMALL // 5))
    return f"{min(costs) * 1e6:.0f} us of CPU each\n"


def main() -> int:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=60_000)
    parser.add_argument("--value-bytes", type=int, default=1_100)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measure(Path(directory), given.keys, given.value_bytes, given.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
