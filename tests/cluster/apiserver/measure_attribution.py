"""What attribution costs an API server, and where it says the CPU goes: on and off, in pairs.

python -m tests.cluster.apiserver.measure_attribution [--pairs 15] [--store memory] [--codec ...]

Three servers in processes of their own, one with ``--attribution on``, two with ``off``, are given
the same blocks of requests in turn (creates, GETs, PUTs of a status, 64 at a time, with a watch of
all of them), in changing order; each block's CPU is the server's own, of all its threads, as the
kernel counts it. Prints for each kind the CPU of one, and the median differences of pairs: on less
off,
and one off less the other, which is what this measurement cannot tell apart. Then the layers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import uvloop

from bench.child import Child
from bench.workload.pod_template import pod_spec
from cluster.client.interface import ObjectKey
from cluster.client.rest import ClientOptions, RestClient
from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.registry import CODECS
from serialization.kinds import PODS
from storage.clock import SystemClock
from storage.registry import STORES

CLOCK: Final = SystemClock()
CALLERS: Final = 64
SIDES: Final = {"on": "on", "off": "off", "again": "off"}
"""Servers, and their ``--attribution``."""
READY_S: Final = 30.0
PAUSE_S: Final = 0.02


class Side(NamedTuple):
    """A server, and a client of it."""

    child: Child
    client: RestClient
    statistics: Path


def cpu_ns(pid: int) -> int:
    """Return the CPU that all threads of a process have used."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks)


def pod(name: str) -> Pod:
    """Return a pod of the usual size."""
    made = Pod()
    made.metadata.name, made.metadata.namespace = name, "default"
    made.spec.CopyFrom(pod_spec())
    return made


async def watch(client: RestClient) -> None:
    """Read every event of all pods until cancelled."""
    async with aclosing(client.watch_raw(PODS)) as batches:
        async for _batch in batches:
            pass


async def together(count: int, work: Callable[[int], Awaitable[object]]) -> None:
    """Do some work so many times, from 64 callers."""

    async def caller(number: int) -> None:
        for step in range(number, count, CALLERS):
            await work(step)

    async with asyncio.TaskGroup() as group:
        for number in range(CALLERS):
            group.create_task(caller(number))


async def block(side: Side, block_number: int, size: int) -> dict[str, float]:
    """Give a server a block of each kind; return the CPU of one request, in us."""
    client = side.client
    pods: dict[int, Pod] = {}

    async def create(step: int) -> None:
        pods[step] = await client.create(PODS, "default", pod(f"p-{block_number}-{step}"))

    async def get(step: int) -> None:
        key = ObjectKey("default", f"p-{block_number}-{step % size}")
        await client.get(PODS, Pod, key)

    async def put_status(step: int) -> None:
        pods[step].status.phase = "Running"
        await client.update_status(PODS, pods[step])

    used: dict[str, float] = {}
    for name, count, work in (
        ("create", size, create),
        ("get", 2 * size, get),
        ("status PUT", size, put_status),
    ):
        began_ns = cpu_ns(side.child.pid)
        await together(count, work)
        await asyncio.sleep(PAUSE_S)
        used[name] = (cpu_ns(side.child.pid) - began_ns) / count / 1e3
    return used


@asynccontextmanager
async def serving(folder: Path, name: str, given: argparse.Namespace) -> AsyncIterator[Side]:
    """Run a server in a process of its own while entered."""
    statistics = folder / f"{name}.json"
    command = [sys.executable, "-m", "cluster.processes.apiserver", "--store", given.store]
    command += ["--data-dir", str(folder / name), "--storage-codec", given.codec]
    command += ["--attribution", SIDES[name], "--stats", str(statistics)]
    command += ["--parent", str(os.getpid()), "--max-mutating-requests-inflight", "0"]
    child = Child(name, command, folder / f"{name}.log")
    await child.start()
    try:
        facts = await child.ready(READY_S)
        options = ClientOptions(str(facts["url"]), codec=given.codec, max_connections=CALLERS)
        async with RestClient(options, CLOCK) as client, asyncio.TaskGroup() as group:
            watching = group.create_task(watch(client))
            yield Side(child, client, statistics)
            watching.cancel()
    finally:
        await child.stop()


async def counters(side: Side) -> dict[str, float]:
    """Have a server write its statistics, and return its counters."""
    side.statistics.unlink(missing_ok=True)
    side.child.dump_statistics()
    while not side.statistics.exists():  # noqa: ASYNC110  another process cannot set an Event
        await asyncio.sleep(PAUSE_S)
    found: dict[str, dict[str, float]] = json.loads(side.statistics.read_bytes())
    return found["counters"]


async def measure(folder: Path, given: argparse.Namespace) -> None:
    """Measure and print."""
    async with AsyncExitStack() as stack:
        sides = [await stack.enter_async_context(serving(folder, n, given)) for n in SIDES]
        for side in sides:
            await block(side, -1, given.size)
        on = sides[0]
        before, before_ns = await counters(on), cpu_ns(on.child.pid)
        pairs: list[dict[str, dict[str, float]]] = []
        for number in range(given.pairs):
            turn = number % len(sides)
            found = {}
            for side in sides[turn:] + sides[:turn]:
                found[side.child.name] = await block(side, number, given.size)
            pairs.append(found)
        used_s, after = (cpu_ns(on.child.pid) - before_ns) / 1e9, await counters(on)
    say(f"{given.codec} on {given.store}, {given.pairs} pairs of {given.size} requests a kind")
    for kind in pairs[0]["on"]:
        base = median(each["off"][kind] for each in pairs)
        more = median(each["on"][kind] - each["off"][kind] for each in pairs)
        noise = median(each["again"][kind] - each["off"][kind] for each in pairs)
        say(
            f"{kind:>12}: {base:6.1f} us without, {more:+5.1f} us with ({more / base:+.1%});"
            f" off less off {noise:+5.1f} us ({noise / base:+.1%})"
        )
    moved = {name: value - before.get(name, 0.0) for name, value in after.items()}
    own = moved["cpu_attribution_s"]
    say(f"     by itself: {own / used_s:.2%} ({moved['cpu_attribution_ticks']:,.0f} ticks)")
    layers = {n[10:-2]: v for n, v in moved.items() if n.startswith("cpu_layer_")}
    left = used_s - sum(layers.values())
    say(
        f"sum of layers: {1 - left / used_s:.1%} of the process's CPU, the rest {left / used_s:.1%}"
    )
    requests = moved["requests_total"]
    for name, seconds in sorted({**layers, "the rest": left}.items(), key=lambda each: -each[1]):
        share = f"{seconds / used_s:6.1%} {seconds / requests * 1e6:7.2f} us a request"
        say(f"{name:>12}: {seconds:6.3f} s {share}")
    say(f"{'in all':>12}: {used_s:6.3f} s of {requests:,.0f} requests")


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--size", type=int, default=640, help="requests of a kind in a block")
    parser.add_argument("--store", default="memory", choices=sorted(STORES))
    parser.add_argument("--codec", default="protobuf", choices=sorted(CODECS))
    with tempfile.TemporaryDirectory() as scratch:
        uvloop.run(measure(Path(scratch), parser.parse_args()))
