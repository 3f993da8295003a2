"""``kubedyno store-bench``: load a store directly, in process or over its protocol."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path
from typing import Final

from bench.child import ChildError
from bench.commands.api_bench import counts, paced, pids
from bench.commands.drawing import draw
from bench.commands.interface import OK, VOID, CommandError, UsageError
from bench.commands.options import claim_directory, names, positive, rate, seconds
from bench.commands.store_bench_summary import print_store_bench
from bench.environment import describe_environment
from bench.results import write_json
from bench.storebench.beside import READING, rows_beside
from bench.storebench.cells import Cell
from bench.storebench.check_perf import LOADS, PROGRAM, available, check_perf, name_of
from bench.storebench.drivers.interface import DriverError
from bench.storebench.drivers.registry import DRIVERS, IN_PROCESS
from bench.storebench.endpoints import BadURLError, endpoints_of, scheme_of
from bench.storebench.generator import alone
from bench.storebench.operations import IDLE, JUDGED, NAMES, WATCH
from bench.storebench.orchestration import CellFailedError, measure
from bench.storebench.results import SCHEMA_VERSION, STORE_BENCH_FILE, Row, StoreBench
from bench.storebench.table import aims, order_of, table_cells, tables_of
from bench.storebench.workload import VALUE_BYTES_MIN
from storage.clock import Clock, SystemClock
from storage.registry import STORES

HELP: Final = "load a store directly, in process or over its protocol: rates, latencies, syncs, CPU"

FAILURES: Final = (CellFailedError, ChildError, DriverError)
DURATION_S: Final = 5.0
CLIENTS: Final = tuple(dict.fromkeys(entry.client for entry in DRIVERS.values() if entry.client))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--store",
        default="etcd3",
        metavar="S",
        help=f"{', '.join(STORES)}: in process; or a URL etcd3://HOST:PORT[,HOST:PORT]",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--serve", action="store_true", help="have `kubedyno etcd` serve the store, and load that"
    )
    where.add_argument(
        "--real-etcd", type=positive, default=0, metavar="N", help="start N real members (1 or 3)"
    )
    parser.add_argument("--protocol-client", choices=CLIENTS, default="wire")
    parser.add_argument(
        "--server-pid", type=pids, default=(), metavar="PID,PID", help="whose CPU is the server's"
    )
    parser.add_argument(
        "--table", action="store_true", help="the whole closing table; best with --rounds 3"
    )
    parser.add_argument(
        "--check-perf",
        action="store_true",
        help="have `etcdctl check perf` load kubedyno etcd and a real one, a minute each",
    )
    parser.add_argument(
        "--beside",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="results of run or api-bench on these stores: in a table of their own",
    )
    parser.add_argument("--load", choices=tuple(LOADS), default="l", help="of check perf")
    parser.add_argument("--op", type=names, default=None, help=f"of {', '.join(NAMES)}; a,b,c")
    parser.add_argument("--clients", type=counts, default=[16], metavar="N,N")
    parser.add_argument(
        "--client-processes", type=positive, default=1, metavar="N", help="over a protocol"
    )
    parser.add_argument(
        "--connections",
        type=positive,
        default=0,
        metavar="N",
        help="of a process; default: one of etcd3's, which calls share, one a call of etcd2's",
    )
    parser.add_argument("--value-size", type=positive, default=1144, metavar="B")
    parser.add_argument("--keys", type=positive, default=10_000, metavar="K")
    parser.add_argument("--duration", type=seconds, default=0.0, metavar="S", help="of a cell")
    parser.add_argument("--rate", type=paced, default=0.0, help="a second, open loop; 0: closed")
    parser.add_argument("--read-share", type=rate, default=0.8, help="of a mixed load")
    parser.add_argument("--watchers", type=positive, default=100, metavar="N", help="of watches")
    parser.add_argument(
        "--streams", type=positive, default=10, metavar="N", help="that hold idle watches"
    )
    parser.add_argument("--rounds", type=positive, default=1)
    parser.add_argument("--seed", type=int, default=0, help="the source of all chance")
    parser.add_argument("--out", type=Path, help="where results go; default: nowhere")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")


def execute(arguments: argparse.Namespace) -> int:
    """Measure, write, print."""
    cells = _planned(arguments)
    try:
        beside = rows_beside(arguments.beside)
    except READING as error:
        raise UsageError(str(error)) from error
    directory = claim_directory(arguments.out, (STORE_BENCH_FILE,)) if arguments.out else None
    try:
        results = asyncio.run(_run(arguments, cells, beside, SystemClock()))
    except (*FAILURES, ExceptionGroup) as error:
        cause = alone(error)
        if not isinstance(cause, FAILURES):
            raise
        raise CommandError(str(cause)) from error
    if directory is not None:
        write_json(directory / STORE_BENCH_FILE, results)
    if arguments.json:
        with tempfile.TemporaryDirectory() as scratch:
            sys.stdout.buffer.write(write_json(Path(scratch) / "r.json", results).read_bytes())
    else:
        print_store_bench(results, draw(directory) if directory is not None else None)
    return VOID if any(row.invalid for row in results.rows) else OK


def _planned(arguments: argparse.Namespace) -> list[Cell]:
    """Return the cells, in order. Raises UsageError."""
    _, server = _target(arguments)
    if arguments.table:
        if arguments.op or scheme_of(server) or arguments.serve or arguments.real_etcd:
            raise UsageError(
                "--table has its own stores and operations: leave --store and --op out"
            )
        return table_cells(arguments.duration)
    if (arguments.check_perf or arguments.beside) and not arguments.op:
        return []
    arguments.op = arguments.op or ["put"]
    arguments.duration = arguments.duration or DURATION_S
    return _cells(arguments)


def _cells(arguments: argparse.Namespace) -> list[Cell]:
    driver, server = _target(arguments)
    cells = [
        Cell(
            driver,
            server,
            operation,
            clients if operation != IDLE else 1,
            value_bytes=arguments.value_size,
            keys=arguments.keys,
            duration_s=arguments.duration,
            rate=arguments.rate if operation != IDLE else 0.0,
            read_share=arguments.read_share,
            watchers=arguments.watchers if operation in (WATCH, IDLE) else 0,
            streams=min(arguments.streams, arguments.watchers),
            processes=arguments.client_processes,
            connections=arguments.connections,
        )
        for operation in arguments.op
        for clients in arguments.clients
    ]
    for cell in cells:
        _check(cell)
    return cells


def _target(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return the driver's name and the server's. Raises UsageError."""
    store, scheme = arguments.store, scheme_of(arguments.store)
    if scheme:
        if arguments.serve or arguments.real_etcd:
            raise UsageError("--serve and --real-etcd start a server: --store is a URL already")
        try:
            endpoints_of(store)
        except BadURLError as error:
            raise UsageError(str(error)) from error
    elif store not in STORES:
        raise UsageError(f"no store {store!r}; there are {', '.join(STORES)}, or a URL")
    if arguments.real_etcd:
        if arguments.real_etcd not in REAL_MEMBERS:
            raise UsageError("--real-etcd is 1 or 3")
        return _over("etcd3", arguments.protocol_client), REAL_MEMBERS[arguments.real_etcd]
    if arguments.serve:
        return _over("etcd3", arguments.protocol_client), f"kubedyno-{store}"
    if scheme:
        return _over(scheme, arguments.protocol_client), store
    return next(entry.name for entry in DRIVERS.values() if entry.place == IN_PROCESS), store


REAL_MEMBERS: Final = {1: "etcd", 3: "etcd-3-members"}


def _over(scheme: str, client: str) -> str:
    for entry in DRIVERS.values():
        if (entry.scheme, entry.client) == (scheme, client):
            return entry.name
    known = ", ".join(sorted({entry.scheme for entry in DRIVERS.values() if entry.scheme}))
    raise UsageError(f"no {client} client for {scheme!r}; there are clients for {known}")


def _check(cell: Cell) -> None:
    if cell.operation not in NAMES:
        raise UsageError(f"no operation {cell.operation!r}; there are {', '.join(NAMES)}")
    if cell.value_bytes < VALUE_BYTES_MIN:
        raise UsageError(f"--value-size is at least {VALUE_BYTES_MIN}: a stamp is in each value")
    if cell.operation in JUDGED and cell.keys < cell.clients:
        raise UsageError(f"{cell.operation} needs a key a client: {cell.keys} are too few")
    if not 0 <= cell.read_share <= 1:
        raise UsageError("--read-share is a share: from 0 to 1")
    if cell.operation == "put" and not DRIVERS[cell.driver].puts:
        raise UsageError("the store contract has no put: every write is judged; use --op txn")


async def _run(
    arguments: argparse.Namespace, cells: list[Cell], beside: list[Row], clock: Clock
) -> StoreBench:
    started, began_ns = clock.now(), clock.stamp_ns()
    environment = describe_environment()
    rows = list(beside)
    judged = _judged(arguments)
    skipped = []
    if judged and not available():
        skipped, judged = [f"check perf: there is no program {PROGRAM!r} on the path"], []
    for round_ in range(1, arguments.rounds + 1):
        order = random.Random(f"{arguments.seed}-{round_}").sample(cells, len(cells))
        for cell in order if arguments.rounds > 1 else cells:
            sys.stderr.write(f"round {round_}: {DRIVERS[cell.driver].table}: {cell.name}\n")
            rows.append(await measure(cell, round_, clock, server_pids=arguments.server_pid))
        for server in judged:
            sys.stderr.write(f"round {round_}: {name_of(server, arguments.load)}, a minute\n")
            pids = arguments.server_pid
            rows.append(await check_perf(server, arguments.load, round_, clock, server_pids=pids))
    return StoreBench(
        schema_version=SCHEMA_VERSION,
        run_id=f"store-bench-{started:%Y%m%d-%H%M%S}",
        started=started.isoformat(),
        duration_s=(clock.stamp_ns() - began_ns) / 1e9,
        environment=environment,
        command=" ".join(["kubedyno", *sys.argv[1:]]),
        rows=sorted(rows, key=lambda row: row.round),
        tables=tables_of(rows, order_of(cells), aims() if arguments.table else ()),
        skipped=skipped,
    )


def _judged(arguments: argparse.Namespace) -> list[str]:
    """Return the servers that etcdctl is to load."""
    if not arguments.check_perf:
        return []
    if scheme_of(arguments.store):
        return [arguments.store]
    served, real = f"kubedyno-{arguments.store}", REAL_MEMBERS[arguments.real_etcd or 1]
    return [served] if arguments.serve else [real] if arguments.real_etcd else [served, real]
