"""``etcdctl check perf``: a load by a compiled client that knows nothing of us, as the judge."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.latency import Latency
from bench.sampling import read_usage
from bench.storebench.endpoints import endpoints_of
from bench.storebench.results import Row
from bench.storebench.rows import UNTOLD_PIDS, Window
from bench.storebench.servers import Serving, serving
from storage.clock import Clock

PROGRAM: Final = "etcdctl"
TABLE: Final = "over the protocol, etcdctl check perf"
LOADS: Final = {"s": 50, "m": 200, "l": 500, "xl": 1000}
"""By name: its clients. It holds its rate at 150, 1000, 8000, 15,000 writes a second."""
LOOK_S: Final = 0.25
"""How often its CPU is read, which is gone when it has ended."""
LASTS_S_MAX: Final = 180.0
THROUGHPUT: Final = re.compile(r"Throughput (?:is|too low:) ([\d.]+) writes/s")
SLOWEST: Final = re.compile(r"Slowest request took (?:too long: )?([\d.]+)s")


def name_of(server: str, load: str) -> str:
    """Return the name of its cell."""
    return f"{server} check-perf {load}"


def available() -> bool:
    """Return whether the program is there."""
    return shutil.which(PROGRAM) is not None


async def check_perf(
    server: str, load: str, round_: int, clock: Clock, *, server_pids: Sequence[int] = ()
) -> Row:
    """Have etcdctl load a server for a minute. Raises ChildError."""
    with tempfile.TemporaryDirectory(prefix="kubedyno-store-bench-") as scratch:
        directory = Path(scratch) / "server"
        async with serving(server, directory, clock, tuple(server_pids)) as found:
            before = await found.counters()
            cpu_s, began_ns = _cpu_s(found), clock.stamp_ns()
            said, used_s = await _etcdctl(found.url, load)
            seconds, cpu_after_s = (clock.stamp_ns() - began_ns) / 1e9, _cpu_s(found)
            after = await found.counters()
    counted = {name: after[name] - before.get(name, 0.0) for name in after}
    used = None if cpu_s is None or cpu_after_s is None else cpu_after_s - cpu_s
    return row_of(server, load, round_, said, used_s, Window(seconds, used, counted))


async def _etcdctl(url: str, load: str) -> tuple[str, float]:
    """Return what it said, and the CPU that it used."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        f"--endpoints={','.join(endpoints_of(url))}",
        *("check", "perf", f"--load={load}"),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "ETCDCTL_API": "3"},
    )
    try:
        async with asyncio.timeout(LASTS_S_MAX), asyncio.TaskGroup() as group:
            looking = group.create_task(_looking(process))
            said, complained = await process.communicate()
        return (said + complained).decode("utf-8", "replace"), looking.result()
    except TimeoutError:
        return f"not done after {LASTS_S_MAX:g} s", 0.0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _looking(process: Process) -> float:
    used_s = 0.0
    while process.returncode is None:
        usage = read_usage(process.pid)
        if usage is not None:
            used_s = max(used_s, usage.cpu_s)
        await asyncio.sleep(LOOK_S)
    return used_s


def _cpu_s(found: Serving) -> float | None:
    used = [usage.cpu_s for pid in found.pids if (usage := read_usage(pid)) is not None]
    return sum(used) if used else None


def row_of(
    server: str, load: str, round_: int, said: str, client_cpu_s: float, window: Window
) -> Row:
    """Return what it said and used, as a row. Its rate is writes a second over its minute."""
    throughput, slowest = THROUGHPUT.search(said), SLOWEST.search(said)
    values: dict[str, float] = {"client_cores": client_cpu_s / window.seconds}
    if throughput:
        values["per_s"] = float(throughput[1])
    if window.cpu_s is not None:
        values["server_cores"] = window.cpu_s / window.seconds
    syncs = window.counters.get("syncs", 0.0)
    if syncs:
        values["syncs_per_s"] = syncs / window.seconds
    failed = [line for line in said.splitlines() if line.startswith("FAIL:")]
    last = " ".join(said.split())[-200:]
    return Row(
        cell=name_of(server, load),
        round=round_,
        table=TABLE,
        server=server,
        operation="check-perf",
        clients=LOADS[load],
        processes=1,
        values=values,
        latency=Latency(count=1, max_ms=float(slowest[1]) * 1e3) if slowest else Latency(),
        window_s=window.seconds,
        invalid=[] if throughput else [f"{PROGRAM} told no throughput: {last}"],
        notes=[*failed, *([UNTOLD_PIDS] if window.cpu_s is None else [])],
    )
