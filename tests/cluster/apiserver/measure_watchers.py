"""What idle watchers cost an API server: memory and CPU, over real sockets.

python -m tests.cluster.apiserver.measure_watchers [--watchers 10000] [--seconds 10] [--writes 5000]

The clients are a process of their own. Two sorts of watchers are measured, each with a server in a
fresh process: of pods by node name, as kubelets have them (each is a group of its own), and all of
one empty namespace (one group). Prints, for each: memory a watcher, CPU of the idle server, and
the CPU of a write that concerns none of them, beside that of the same write without watchers.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Final

import uvloop

from cluster.apiserver.assembly import Assembly, ServerConfig, assemble
from cluster.apiserver.listener import bind, listen
from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import PODS
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions

MODULE: Final = "tests.cluster.apiserver.measure_watchers"
CLOCK: Final = SystemClock()
CODEC: Final = CODECS["protobuf"]
SORTS: Final = {
    "by node": "/api/v1/pods?watch=1&allowWatchBookmarks=1&fieldSelector=spec.nodeName%3Dn{number}",
    "of one namespace": "/api/v1/namespaces/quiet/pods?watch=1&allowWatchBookmarks=1",
}
REQUEST: Final = "GET {path} HTTP/1.1\r\nhost: x\r\naccept: {media}\r\n\r\n"
AT_ONCE: Final = 200
"""Watches that are opened together."""


def raise_file_limit() -> int:
    """Allow as many open files as the system lets us; return how many."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def memory_kib() -> int:
    """Return the memory of this process that is its own."""
    fields = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").split()
    return int(fields[fields.index("Anonymous:") + 1])


def be_clients(port: int, path: str, count: int) -> None:
    """Open watches, say so, and hold them until the input ends."""
    raise_file_limit()
    held: list[socket.socket] = []
    while len(held) < count:
        fresh: list[socket.socket] = []
        for _ in range(min(AT_ONCE, count - len(held))):
            sock = socket.create_connection(("127.0.0.1", port))
            asked = path.replace("{number}", str(len(held) + len(fresh)))
            sock.sendall(REQUEST.format(path=asked, media=CODEC.stream_media_type).encode())
            fresh.append(sock)
        for sock in fresh:
            assert sock.recv(1024).startswith(b"HTTP/1.1 200"), "refused"
        held += fresh
    sys.stdout.write("watching\n")
    sys.stdout.flush()
    sys.stdin.read()


async def cpu_of_writes_us(server: Assembly, count: int) -> float:
    """Return the CPU of one write of a pod that nobody watches."""
    store = server.api.store
    pod = Pod()
    pod.metadata.name, pod.metadata.namespace, pod.spec.nodeName = "busy", "default", "other"
    key = PODS.key("default", "busy")
    found = await store.get(key)
    revision = found.revision if found is not None else 0
    if not revision:
        revision = await store.create(key, CODEC.encode(TypeMeta("v1", "Pod"), pod))
    began = time.process_time()
    for number in range(count):
        pod.metadata.annotations["number"] = f"{revision}/{number}"
        value = CODEC.encode(TypeMeta("v1", "Pod"), pod)
        revision = await store.update(key, value, expected=revision)
    return (time.process_time() - began) / count * 1e6


async def measure(server: Assembly, port: int, sort: str, options: argparse.Namespace) -> str:
    """Return a line of figures about one sort of watchers."""
    await cpu_of_writes_us(server, options.writes)
    alone_us = await cpu_of_writes_us(server, options.writes)
    gc.collect()
    before_kib = memory_kib()
    clients = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE),
        *("--port", str(port), "--path", SORTS[sort], "--watchers", str(options.watchers)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert clients.stdin is not None
    assert clients.stdout is not None
    began = time.process_time()
    await clients.stdout.readline()
    opening_us = (time.process_time() - began) / options.watchers * 1e6
    gc.collect()
    held_kib = memory_kib() - before_kib
    streams, groups = server.fanout.streams, server.fanout.groups
    began = time.process_time()
    await asyncio.sleep(options.seconds)
    idle = (time.process_time() - began) / options.seconds
    beside_us = await cpu_of_writes_us(server, options.writes)
    clients.stdin.close()
    await clients.wait()
    while server.fanout.streams:  # noqa: ASYNC110  nothing tells of a stream's end
        await asyncio.sleep(0.05)
    return (
        f"{streams} watchers {sort} in {groups} groups: {held_kib / streams:.1f} KiB each; "
        f"opening {opening_us:.0f} us; idle {100 * idle:.2f} % of a core; "
        f"a write of no concern {beside_us:.1f} us (without watchers {alone_us:.1f})"
    )


async def main(options: argparse.Namespace) -> None:
    """Measure one sort."""
    raise_file_limit()
    store = STORES["memory"].make(StoreOptions(inline_commits=True))
    sock = bind("127.0.0.1", 0)
    async with (
        store as opened,
        assemble(opened, ServerConfig(CODEC), CLOCK, Random(1)) as server,
        listen(server.app, sock, end_watches=server.fanout.shut_down),
    ):
        line = await measure(server, sock.getsockname()[1], options.sort, options)
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--writes", type=int, default=5000)
    parser.add_argument("--sort", choices=tuple(SORTS), help="this one alone")
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.port:
        be_clients(given.port, given.path, given.watchers)
    elif given.sort:
        uvloop.run(main(given))
    else:
        for each in SORTS:
            subprocess.run(
                [sys.executable, "-m", MODULE, *sys.argv[1:], "--sort", each], check=True
            )
