"""Doing cells: a server, a namespace, the generator's process, and what came of it as a row."""

from __future__ import annotations

import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.apibench.cells import Cell
from bench.apibench.counting import pods_listed
from bench.apibench.endpoint import Endpoint
from bench.apibench.ground import namespace_of
from bench.apibench.metric_counts import request_counts
from bench.apibench.operations.registry import OPERATIONS
from bench.apibench.own_server import OwnServer, ServerOptions
from bench.apibench.results import Row
from bench.apibench.rules import cores, count_mismatches, notes_on, why_invalid
from bench.apibench.settings import OUTCOME_FILE, Outcome, Task
from bench.child import Child
from bench.load.settings import Server
from bench.measurements.histogram import LatencyHistogram
from bench.results import read_json, write_json

UNCOUNTED: Final = "the server's /metrics cannot be read: its counts are not compared"
TASK_FILE: Final = "task.json"


class CellFailedError(Exception):
    """A cell could not be done; the message is one line."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where cells go. Without a server each cell gets a fresh one of its own."""

    server: Server | None = None
    pids: tuple[int, ...] = ()
    """Of a server on this machine, whose CPU is to be read."""
    store: str = "etcd3"
    storage_codec: str = ""
    """Empty: as the cell's codec."""
    seed: int = 0

    @property
    def title(self) -> str:
        """Return how results name it."""
        if self.server is not None:
            return self.server.url
        stored = f", stored as {self.storage_codec}" if self.storage_codec else ""
        return f"own {self.store}{stored}"


@dataclass(frozen=True, slots=True)
class Site:
    """A server and a namespace in it, for one cell."""

    server: Server
    pids: tuple[int, ...]
    namespace: str
    directory: Path
    own: OwnServer | None = None


@asynccontextmanager
async def site_for(target: Target, codec: str) -> AsyncIterator[Site]:
    """Give a server and a namespace. Raises ChildError, SetUpError, UnreachableError."""
    suffix = secrets.token_hex(4)
    with tempfile.TemporaryDirectory(prefix="kubedyno-api-bench-") as scratch:
        directory = Path(scratch)
        if target.server is not None:
            async with namespace_of(target.server, suffix) as namespace:
                yield Site(target.server, target.pids, namespace, directory)
            return
        options = ServerOptions(codec, target.storage_codec or codec, target.store, target.seed)
        async with (
            OwnServer(options, directory / "server", "apiserver") as own,
            namespace_of(own.server, suffix, keep=True) as namespace,
        ):
            yield Site(own.server, (own.pid,), namespace, directory, own)


async def run_generator(task: Task, directory: Path, name: str) -> Outcome:
    """Have the generator do a task, in a process of its own.

    Raises CellFailedError, ChildError.
    """
    async with generating(task, directory, name) as child:
        await child.ended()
    return outcome_of(task, child)


@asynccontextmanager
async def generating(task: Task, directory: Path, name: str) -> AsyncIterator[Child]:
    """Give a generator that has been started; it is asked to end at the end. Raises ChildError."""
    file = directory / f"{name}-{TASK_FILE}"
    file.touch(mode=0o600)  # a token may be in it
    write_json(file, task)
    command = [sys.executable, "-m", "bench.apibench.generator", str(file)]
    child = Child(name, command, directory / f"{name}.log")
    await child.start()
    try:
        yield child
    finally:
        await child.stop()


def outcome_of(task: Task, child: Child) -> Outcome:
    """Return what a generator that has ended wrote. Raises CellFailedError."""
    if child.exit_code:
        raise CellFailedError(" ".join(child.tail().splitlines()[-1:]) or f"{child.name} failed")
    return read_json(Path(task.directory) / OUTCOME_FILE, Outcome)


async def measure(cell: Cell, target: Target, round_: int) -> Row:
    """Measure one cell of requests.

    Raises CellFailedError, ChildError, SetUpError, UnreachableError.
    """
    async with site_for(target, cell.codec) as site:
        endpoint = Endpoint(site.server)
        before = await request_counts(endpoint)
        outcome = await run_generator(task_of(cell, site), site.directory, "generator")
        after = await request_counts(endpoint)
        wrong = await _recount(cell, outcome, endpoint, site.namespace)
    row = row_of(cell, round_, outcome, compared(outcome, before, after), alone=bool(site.own))
    return replace(row, invalid=[*row.invalid, *wrong])


async def _recount(cell: Cell, outcome: Outcome, endpoint: Endpoint, namespace: str) -> list[str]:
    """See that there are as many pods as were made."""
    if cell.operation != "create":
        return []
    there = await pods_listed(endpoint, namespace)
    made = outcome.requests[OPERATIONS["create"].sort]
    return [] if there == made else [f"{made} pods made, {there} listed"]


def task_of(cell: Cell, site: Site) -> Task:
    """Return what the generator is to do for a cell."""
    return Task(
        server=site.server,
        namespace=site.namespace,
        operation=cell.write or cell.operation,
        codec=cell.codec,
        connections=cell.connections,
        directory=str(site.directory),
        duration_s=cell.duration_s,
        count=cell.count,
        rate=cell.rate,
        pods=cell.pods,
        distinct=cell.distinct,
        pids={"server": list(site.pids)} if site.pids else {},
    )


Compared = dict[str, tuple[int, int]]
"""By sort of request: how many the generator counted, and how many the server."""


def compared(outcome: Outcome, before: Counter[str] | None, after: Counter[str] | None) -> Compared:
    """Return both counts of what the generator did; none where the server does not count."""
    if before is None or after is None:
        return {}
    return {sort: (count, after[sort] - before[sort]) for sort, count in outcome.requests.items()}


def row_of(cell: Cell, round_: int, outcome: Outcome, counted: Compared, *, alone: bool) -> Row:
    """Return what a cell of requests gave."""
    return Row(
        cell=cell.name,
        round=round_,
        operation=cell.operation,
        codec=cell.codec,
        connections=cell.connections,
        values=rates_of(outcome),
        latency=LatencyHistogram.decode(outcome.histogram).summary(),
        operations=outcome.operations,
        window_s=outcome.window_s,
        histogram=outcome.histogram,
        invalid=[*why_invalid(outcome), *count_mismatches(counted, alone=alone)],
        notes=[*notes_on(outcome, cell.rate), *([] if counted else [UNCOUNTED])],
        distinct=cell.distinct,
        counted={sort: list(both) for sort, both in counted.items()},
    )


def rates_of(outcome: Outcome) -> dict[str, float]:
    """Return rates and CPU of a cell, by name with the unit last."""
    values: dict[str, float] = {"per_s": outcome.operations / max(outcome.window_s, 1e-9)}
    done = max(outcome.operations, 1)
    for name, per, scale in (("server", "server_ms", 1e3), ("generator", "generator_us", 1e6)):
        if name in outcome.cpu_s:
            values[per] = outcome.cpu_s[name] * scale / done
            values[f"{name}_cores"] = cores(outcome, name) or 0.0
    values["answer_bytes"] = outcome.received_bytes / done
    return values
