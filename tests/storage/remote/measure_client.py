"""What a create on a real etcd costs its client, layer by layer, in CPU.

python -m tests.storage.remote.measure_client [--callers 1 64] [--seconds 0.7] [--rounds 7]

Starts an etcd of its own. A Txn of one create, sent by callers in one loop that each wait for their
answer: through grpc.aio alone, with its bytes ready (``bytes``); made and sent by the link
(``link``); the same while a watch over all keys is read beside it, as the store does (``watch``);
through the store (``store``); these three by each client. The kinds take turns; medians and least
values over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

import uvloop
from grpc import aio

from serialization.api.etcd import rpc_pb2 as rpc
from storage.clock import SystemClock
from storage.remote.etcd3.by_grpc import CHANNEL_OPTIONS
from storage.remote.etcd3.keys import ALL
from storage.remote.etcd3.link import Link
from storage.remote.etcd3.requests import judged, put
from storage.remote.etcd3.rpc import SERVICE, TXN
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import CLIENTS, parse_url
from tests.etcd_members import EtcdCluster

VALUE = bytes(1144)
"""As long as a running pod in protobuf."""
CLOCK = SystemClock()
NUMBERS = count()

Create = Callable[[bytes], Awaitable[object]]


def create_of(key: bytes) -> rpc.TxnRequest:
    request = judged(key, 0)
    put(request, key, VALUE, 0)
    return request


@asynccontextmanager
async def by_grpc(url: str) -> AsyncIterator[Create]:
    """Send bytes."""
    async with aio.insecure_channel(parse_url(url).targets[0], CHANNEL_OPTIONS) as channel:
        send: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(SERVICE + TXN.path)

        async def create(key: bytes) -> object:
            return await send(create_of(key).SerializeToString())

        yield create


@asynccontextmanager
async def by_link(url: str) -> AsyncIterator[Create]:
    """Send messages by the store's link."""
    link = Link(parse_url(url))
    link.open()
    try:
        yield lambda key: link.write(TXN, create_of(key))
    finally:
        await link.close()


@asynccontextmanager
async def beside_a_watch(url: str) -> AsyncIterator[Create]:
    """As ``by_link``, and read a watch, without doing anything with it."""
    link = Link(parse_url(url))
    link.open()
    stream, _ = link.watch()
    wanted = rpc.WatchCreateRequest(key=ALL, range_end=ALL, prev_kv=True)
    await stream.write(rpc.WatchRequest(create_request=wanted))

    async def read() -> None:
        while True:
            await stream.read()

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read())
        yield lambda key: link.write(TXN, create_of(key))
        reading.cancel()
    stream.cancel()
    await link.close()


@asynccontextmanager
async def by_store(url: str) -> AsyncIterator[Create]:
    """Create by the contract."""
    async with RemoteStore(parse_url(url), CLOCK) as store:
        yield lambda key: store.create(key, VALUE)


BY_CLIENT: Final = {"link": by_link, "watch": beside_a_watch, "store": by_store}
WAYS: Final = {("bytes", "grpc"): by_grpc} | {
    (name, client): way for name, way in BY_CLIENT.items() for client in CLIENTS
}


async def measure(create: Create, callers: int, seconds: float) -> tuple[float, float]:
    """Return creates a second, and microseconds of CPU a create."""
    place = next(NUMBERS)
    await create(b"/registry/pods/default/%d" % place)
    done = [0] * callers
    begin_ns, cpu_ns = CLOCK.stamp_ns(), time.process_time_ns()
    end_ns = begin_ns + int(seconds * 1e9)

    async def caller(number: int) -> None:
        while CLOCK.stamp_ns() < end_ns:
            done[number] += 1
            await create(b"/registry/pods/default/%d-%d-%d" % (place, number, done[number]))

    async with asyncio.TaskGroup() as tasks:
        for number in range(callers):
            tasks.create_task(caller(number))
    cpu_ns, elapsed_s = time.process_time_ns() - cpu_ns, (CLOCK.stamp_ns() - begin_ns) / 1e9
    return sum(done) / elapsed_s, cpu_ns / sum(done) / 1e3


async def run(url: str, arguments: argparse.Namespace) -> None:
    """Measure in rounds, and print a line for each number of callers and way."""
    found: dict[tuple[int, str, str], list[tuple[float, float]]] = {}
    for _ in range(arguments.rounds):
        for callers in arguments.callers:
            for (name, client), way in WAYS.items():
                async with AsyncExitStack() as stack:
                    create = await stack.enter_async_context(way(f"{url}?client={client}"))
                    figures = await measure(create, callers, arguments.seconds)
                    found.setdefault((callers, name, client), []).append(figures)
    sys.stdout.write("callers way    client  creates/s   CPU us    least\n")
    for (callers, name, client), rows in found.items():
        rates, costs = zip(*rows, strict=True)
        sys.stdout.write(
            f"{callers:7} {name:6} {client:6} {median(rates):10,.0f} "
            f"{median(costs):8.1f} {min(costs):8.1f}\n"
        )


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--seconds", type=float, default=0.7)
    parser.add_argument("--rounds", type=int, default=7)
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
