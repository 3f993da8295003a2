"""What is loaded over a protocol: servers that are started for a cell, or one that is there."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.child import Child, ChildError
from bench.etcd_metrics import BACKEND_COMMITS, WAL_SYNCS, EtcdFace, etcd_counters
from bench.own_etcd import OwnEtcd
from bench.statistics_files import await_statistics, forget_statistics
from bench.storebench.endpoints import endpoints_of, scheme_of
from storage.clock import Clock

READY_S_MAX: Final = 60.0
ANY_PORT: Final = "127.0.0.1:0"
STATISTICS: Final = "kubedyno-etcd"
STATISTICS_S_MAX: Final = 5.0
UNSYNCED: Final = frozenset({"memory"})
"""Engines that make nothing durable."""
Counters = Callable[[], Awaitable[dict[str, float]]]


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers."""

    url: str
    pids: tuple[int, ...]
    """Whose CPU is the server's; empty where nobody said."""
    counters: Counters
    """``syncs`` so far, ``writes`` where they are told, ``backend_syncs`` where there are two
    sorts of syncs; empty: not told."""
    own: bool = True
    """It was started for the cell, so nothing needs to be put in order."""


@asynccontextmanager
async def real(
    directory: Path, clock: Clock, members: int = 1, generation: int = 3
) -> AsyncIterator[Serving]:
    """Serve by the program ``etcd``. Raises ChildError."""
    etcd = OwnEtcd(members, directory / "data", directory, clock, generation=generation)
    try:
        await etcd.start()
        pids = tuple(child.pid for child in etcd.children)

        async def counters() -> dict[str, float]:
            told = [found.counters for found in (await etcd.statistics()).values()]
            return in_our_words(sum_of(told))

        yield Serving(etcd.url, pids, counters)
    finally:
        await etcd.stop()


@asynccontextmanager
async def ours(directory: Path, _clock: Clock, engine: str = "etcd3") -> AsyncIterator[Serving]:
    """Serve an engine by ``cluster.processes.etcd``. Raises ChildError."""
    api = "2" if engine == "etcd2" else "3"
    command = [
        *(sys.executable, "-m", "cluster.processes.etcd"),
        *("--listen", ANY_PORT),
        *("--api", api),
        *("--store", engine),
        *("--data-dir", str(directory / "data")),
        *("--stats", str(directory / f"{STATISTICS}.json")),
        *("--parent", str(os.getpid())),
    ]
    child = Child("kubedyno etcd", command, directory / "kubedyno-etcd.log")
    try:
        await child.start()
        facts = await child.ready(READY_S_MAX)
        target = str(facts.get("target", ""))
        if not target:
            raise ChildError("kubedyno etcd named no target in its ready line")

        async def counters() -> dict[str, float]:
            forget_statistics(directory, [STATISTICS])
            child.dump_statistics()
            told = await await_statistics(directory, [STATISTICS], STATISTICS_S_MAX)
            return of_our_process(told[STATISTICS].counters) if told else {}

        told = counters if engine not in UNSYNCED else untold
        yield Serving(f"etcd{api}://{target}", (child.pid,), told)
    finally:
        await child.stop()


@asynccontextmanager
async def given(url: str, pids: tuple[int, ...], clock: Clock) -> AsyncIterator[Serving]:
    """Use a server that is there; ask it for etcd's /metrics, which it may have."""
    async with AsyncExitStack() as stack:
        faces = [
            await stack.enter_async_context(EtcdFace(f"http://{each}", clock))
            for each in endpoints_of(url)
        ]

        async def counters() -> dict[str, float]:
            return in_our_words(sum_of([etcd_counters(await face.metrics()) for face in faces]))

        told = await counters()
        yield Serving(url, pids, counters if told else untold, own=False)


async def untold() -> dict[str, float]:
    """Return nothing: this server does not tell."""
    return {}


def sum_of(told: list[dict[str, float]]) -> dict[str, float]:
    """Add up what several members tell."""
    return {name: sum(each.get(name, 0.0) for each in told) for each in told for name in each}


def in_our_words(counters: dict[str, float]) -> dict[str, float]:
    """Return an etcd's counters as ``syncs`` (of its log) and ``backend_syncs``."""
    if WAL_SYNCS not in counters:
        return {}
    return {
        "syncs": counters[WAL_SYNCS],
        "backend_syncs": counters.get(BACKEND_COMMITS, 0.0),
    }


def of_our_process(counters: dict[str, float]) -> dict[str, float]:
    """Return what ``kubedyno etcd`` counts: its tally is up to a second old, but of one moment."""
    if "store_commits" not in counters:
        return {}
    return {"syncs": counters["store_commits"], "writes": counters["store_writes"]}


def serving(
    server: str, directory: Path, clock: Clock, pids: tuple[int, ...] = ()
) -> AbstractAsyncContextManager[Serving]:
    """Give the server of a cell: a name in ``SERVERS``, or a URL. Raises ChildError."""
    if scheme_of(server):
        return given(server, pids, clock)
    return SERVERS[server](directory, clock)


Start = Callable[[Path, Clock], AbstractAsyncContextManager[Serving]]


def _ours(engine: str) -> Start:
    return lambda directory, clock: ours(directory, clock, engine)


def _real(members: int, generation: int) -> Start:
    return lambda directory, clock: real(directory, clock, members, generation)


REAL: Final = "etcd"
REAL_V2: Final = "etcd-v2"
OURS_V2: Final = "kubedyno-etcd2"
SERVERS: Final[dict[str, Start]] = {
    "kubedyno-etcd3": _ours("etcd3"),
    "kubedyno-memory": _ours("memory"),
    OURS_V2: _ours("etcd2"),
    REAL: _real(1, 3),
    "etcd-3-members": _real(3, 3),
    REAL_V2: _real(1, 2),
    "etcd-v2-3-members": _real(3, 2),
}
"""By name. ``etcd`` is the program, ``etcd-v2`` the same asked by its v2 protocol;
``kubedyno-...`` is ``kubedyno etcd`` with an engine."""
REAL_SERVERS: Final = {
    ("etcd3", 1): REAL,
    ("etcd3", 3): "etcd-3-members",
    ("etcd2", 1): REAL_V2,
    ("etcd2", 3): "etcd-v2-3-members",
}
"""By generation and number of members: names in ``SERVERS``."""
SERVED: Final = {"etcd3": "kubedyno-etcd3", "memory": "kubedyno-memory", "etcd2": OURS_V2}
"""By engine: names in ``SERVERS``."""
