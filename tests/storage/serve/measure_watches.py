"""What an idle watch costs the server: memory, and the time to make it.

    python -m tests.storage.serve.measure_watches [--watches N]

The server is a process of its own, in memory; what it holds is its RssAnon. Watches of prefixes and
of single keys, all on one stream and over several; then what one write costs that a watch wants.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from grpc import aio

from serialization.api.etcd.rpc_pb2 import PutRequest, PutResponse, WatchCreateRequest
from tests.storage.serve.etcdctl import ServedProcess, served_process
from tests.storage.serve.served import WatchCall, call

STREAMS: Final = (1, 10, 100)
AHEAD: Final = 500
"""Requests that are under way at a time on a stream."""
WRITES: Final = 2000


def key(number: int) -> bytes:
    """Return a key as Kubernetes has them."""
    return b"/registry/pods/namespace-%04d/pod-%08d" % (number % 100, number)


def request(number: int, *, prefix: bool) -> WatchCreateRequest:
    """Return what asks for a watch."""
    if prefix:
        return WatchCreateRequest(key=key(number) + b"/", range_end=key(number) + b"0")
    return WatchCreateRequest(key=key(number))


async def fill(stream: WatchCall, numbers: range, *, prefix: bool) -> None:
    """Make watches on a stream."""
    waiting = 0
    for number in numbers:
        await stream.send(create_request=request(number, prefix=prefix))
        waiting += 1
        if waiting == AHEAD:
            for _ in range(waiting):
                await stream.read()
            waiting = 0
    for _ in range(waiting):
        await stream.read()


def anonymous(pid: int) -> int:
    """Return how many bytes of anonymous memory a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise ValueError(f"process {pid} does not tell its RssAnon")


async def measure(served: ServedProcess, watches: int, streams: int, *, prefix: bool) -> str:
    """Return a line of the table."""
    process = psutil.Process(served.pid)
    async with aio.insecure_channel(served.target) as channel:
        opened = [WatchCall(channel) for _ in range(streams)]
        for at, stream in enumerate(opened):
            await stream.create(request(watches + at, prefix=prefix))
        alone = await _writes(channel, process, b"/else")
        before, cpu_s = anonymous(served.pid), _cpu_s(process)
        share = watches // streams
        for at, stream in enumerate(opened):
            await fill(stream, range(at * share, (at + 1) * share), prefix=prefix)
        made_s = _cpu_s(process) - cpu_s
        held = anonymous(served.pid) - before
        idle, touched = [await _writes(channel, process, name) for name in (b"/else", key(0))]
        kind = "prefix" if prefix else "key"
        line = (
            f"{watches:>7} {streams:>7} {kind:>7} {held / watches:>13.0f} "
            f"{made_s / watches * 1e6:>10.0f} {alone * 1e6:>8.0f} {idle * 1e6:>8.0f} "
            f"{touched * 1e6:>8.0f}"
        )
        for stream in opened:
            await stream.end()
    return line


async def measure_streams(served: ServedProcess, count: int) -> str:
    """Return what a stream holds that has one idle watch, as a real API server opens them."""
    async with aio.insecure_channel(served.target) as channel:
        first = WatchCall(channel)
        await first.create(request(count, prefix=True))
        before = anonymous(served.pid)
        opened = [WatchCall(channel) for _ in range(count)]
        for at, stream in enumerate(opened):
            await stream.create(request(at, prefix=True))
        held = anonymous(served.pid) - before
        for stream in [first, *opened]:
            await stream.end()
    return f"{count} streams of one watch each: {held / count:.0f} bytes a stream"


async def _writes(channel: aio.Channel, process: psutil.Process, name: bytes) -> float:
    """Return the server's CPU seconds for a write of a key, one after the other."""
    cpu_s = _cpu_s(process)
    for _ in range(WRITES):
        await call(channel, "KV/Put", PutRequest(key=name, value=b"v"), PutResponse)
    return (_cpu_s(process) - cpu_s) / WRITES


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watches", type=int, default=10_000)
    watches = parser.parse_args().watches
    said = sys.stdout.write
    said("server's microseconds: to make a watch, for a write before there were any,\n")
    said("for one that no watch wants, for one that one wants\n")
    said("watches streams    kind bytes a watch    to make  without     idle   wanted\n")
    for prefix in (False, True):
        for streams in STREAMS:
            with served_alone() as served:
                said(asyncio.run(measure(served, watches, streams, prefix=prefix)) + "\n")
    with served_alone() as served:
        said(asyncio.run(measure_streams(served, watches // 10)) + "\n")
    return 0


@contextmanager
def served_alone() -> Iterator[ServedProcess]:
    """Serve an engine in memory from a process of its own."""
    with (
        tempfile.TemporaryDirectory() as directory,
        served_process(Path(directory), "--store", "memory") as served,
    ):
        yield served


if __name__ == "__main__":
    sys.exit(main())
