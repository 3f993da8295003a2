"""What joining writes buys on a real etcd: creates through the store, joined and singly, in turn.

python -m tests.storage.remote.measure_batches [--callers 1 16 64] [--seconds 1] [--rounds 5]
    [--clients http2 grpc]

Starts an etcd of its own. Each round measures every number of callers with ``--etcd-batch`` off and
on, by each client, in an order that turns; the lines are medians over the rounds: creates a second,
CPU of this client a create (the store's whole share: Txn, watch, answers), latency, and writes a
Txn.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import uvloop

from storage.clock import SystemClock
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import CLIENTS, parse_url
from tests.etcd_members import EtcdCluster

VALUE = bytes(1144)
"""As long as a running pod in protobuf."""
CLOCK = SystemClock()


class Row(NamedTuple):
    """A measurement."""

    creates_per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    writes_a_txn: float


async def measure(url: str, callers: int, seconds: float, place: str) -> Row:
    """Let callers create until the time is over, each its own keys."""
    async with RemoteStore(parse_url(url), CLOCK) as store:
        await store.create(f"/registry/{place}".encode(), VALUE)  # all is connected
        took_ns: list[int] = []
        before = store.counters()
        begin_ns, cpu_ns = CLOCK.stamp_ns(), time.process_time_ns()
        end_ns = begin_ns + int(seconds * 1e9)

        async def caller(number: int) -> None:
            step = 0
            while (called_ns := CLOCK.stamp_ns()) < end_ns:
                step += 1
                key = f"/registry/pods/default/{place}-{number}-{step}"
                await store.create(key.encode(), VALUE)
                took_ns.append(CLOCK.stamp_ns() - called_ns)

        async with asyncio.TaskGroup() as tasks:
            for number in range(callers):
                tasks.create_task(caller(number))
        cpu_ns, elapsed_s = time.process_time_ns() - cpu_ns, (CLOCK.stamp_ns() - begin_ns) / 1e9
        after = store.counters()
    took_ns.sort()
    count = len(took_ns)
    return Row(
        count / elapsed_s,
        cpu_ns / count / 1e3,
        took_ns[count // 2] / 1e6,
        took_ns[count * 99 // 100] / 1e6,
        count / (after["store_txns"] - before["store_txns"]),
    )


async def run(url: str, arguments: argparse.Namespace) -> None:
    """Measure in rounds, and print the medians."""
    rows: dict[tuple[int, str, str], list[Row]] = {}
    for number in range(arguments.rounds):
        for callers in arguments.callers:
            ways = [(batch, client) for batch in ("off", "on") for client in arguments.clients]
            for batch, client in ways if number % 2 else reversed(ways):
                place = f"{number}-{callers}-{batch}-{client}"
                where = f"{url}?batch={batch}&client={client}"
                row = await measure(where, callers, arguments.seconds, place)
                rows.setdefault((callers, batch, client), []).append(row)
    sys.stdout.write("callers batch client  creates/s   CPU us   p50 ms   p99 ms  writes a Txn\n")
    for (callers, batch, client), found in sorted(rows.items()):
        middle = Row(*(median(column) for column in zip(*found, strict=True)))
        sys.stdout.write(
            f"{callers:7} {batch:5} {client:6} {middle.creates_per_s:10,.0f} {middle.cpu_us:8.1f} "
            f"{middle.p50_ms:8.2f} {middle.p99_ms:8.2f} {middle.writes_a_txn:13.1f}\n"
        )


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=CLIENTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        cluster = EtcdCluster(Path(directory))
        asyncio.run(cluster.start())
        try:
            uvloop.run(run(cluster.url, arguments))
        finally:
            cluster.kill()


if __name__ == "__main__":
    main()
