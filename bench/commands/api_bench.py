"""``kubedyno api-bench``: single operations against a Kubernetes API, ours or any."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path
from typing import Final

from bench.apibench.cells import Cell
from bench.apibench.dispatch import NAMES, WATCHED, measure_any
from bench.apibench.endpoint import UnreachableError
from bench.apibench.orchestration import CellFailedError, Target
from bench.apibench.results import API_BENCH_FILE, SCHEMA_VERSION, ApiBench, Row
from bench.apibench.site import SetUpError
from bench.apibench.summing_up import sum_up
from bench.apibench.table import aims, table_cells
from bench.child import ChildError
from bench.commands.api_bench_summary import print_api_bench
from bench.commands.drawing import draw
from bench.commands.interface import OK, VOID, CommandError, UsageError
from bench.commands.options import (
    check_names,
    claim_directory,
    names,
    not_negative,
    positive,
    rate,
    seconds,
)
from bench.commands.store_options import claim_store
from bench.environment import describe_environment
from bench.kubeconfig_reading import KubeconfigError, read_kubeconfig
from bench.load.settings import Server
from bench.results import write_json
from bench.store_choice import REAL
from storage.clock import Clock, SystemClock

HELP: Final = "single operations against a Kubernetes API, ours or any: rates, latencies, CPU"

FAILURES: Final = (CellFailedError, ChildError, SetUpError, UnreachableError)
DURATION_S: Final = 5.0
RATE_MAX: Final = 100_000
WRITES: Final = ("status-patch", "status-put", "update")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--server", default="", metavar="URL", help="default: start one a cell")
    target.add_argument("--kubeconfig", type=Path, help="its current context names the server")
    parser.add_argument(
        "--context", default="", help="of the kubeconfig, instead of its current one"
    )
    parser.add_argument("--token-file", type=Path, help="of a bearer token, with --server")
    parser.add_argument("--insecure", action="store_true", help="do not check its certificate")
    parser.add_argument(
        "--server-pid", type=pids, default=(), metavar="PID,PID", help="whose CPU is the server's"
    )
    parser.add_argument(
        "--store", default="etcd3", metavar="NAME|URL", help=f"of an own server; {REAL}, too"
    )
    parser.add_argument(
        "--storage-codec", default="", metavar="CODEC", help="of an own server; default: the codec"
    )
    parser.add_argument(
        "--table", action="store_true", help="the whole closing table; best with --rounds 3"
    )
    parser.add_argument("--op", type=names, default=None, help=f"of {', '.join(NAMES)}; a,b,c")
    parser.add_argument("--codec", type=names, default=["protobuf"], help="on the wire; a,b")
    parser.add_argument("--connections", type=counts, default=[16], metavar="N,N")
    parser.add_argument("--duration", type=seconds, default=0.0, metavar="S", help="of a cell")
    parser.add_argument("--count", type=not_negative, default=0, help="operations, not a duration")
    parser.add_argument("--rate", type=paced, default=0.0, help="a second, open loop; 0: closed")
    parser.add_argument("--pods", type=not_negative, default=0, help="that a cell works on")
    parser.add_argument(
        "--distinct-specs",
        action="store_true",
        help="every pod's spec like no other's; default: as replicas of one controller",
    )
    parser.add_argument("--watchers", type=positive, default=100, metavar="N", help="of a fan-out")
    parser.add_argument(
        "--write", choices=WRITES, default="status-patch", help="of a fan-out's writers"
    )
    parser.add_argument("--rounds", type=positive, default=1)
    parser.add_argument("--seed", type=int, default=0, help="the source of all chance")
    parser.add_argument("--out", type=Path, help="where results and report go; default: nowhere")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")


def counts(text: str) -> list[int]:
    """Parse ``1,16,64``."""
    return [positive(part) for part in names(text)]


def pids(text: str) -> tuple[int, ...]:
    """Parse ``123,456``."""
    return tuple(counts(text))


def execute(arguments: argparse.Namespace) -> int:
    """Measure, write, print."""
    _check(arguments)
    directory = claim_directory(arguments.out, (API_BENCH_FILE,)) if arguments.out else None
    try:
        with tempfile.TemporaryDirectory(prefix="kubedyno-api-bench-") as scratch:
            target = _target(arguments, Path(scratch))
            results = asyncio.run(_run(arguments, target, SystemClock()))
    except KubeconfigError as error:
        raise UsageError(str(error)) from error
    except (*FAILURES, ExceptionGroup) as error:
        cause = _alone(error)
        if not isinstance(cause, FAILURES):
            raise
        raise CommandError(str(cause)) from error
    if directory is not None:
        write_json(directory / API_BENCH_FILE, results)
    if arguments.json:
        with tempfile.TemporaryDirectory() as scratch:
            sys.stdout.buffer.write(write_json(Path(scratch) / "r.json", results).read_bytes())
    else:
        print_api_bench(results, draw(directory) if directory is not None else None)
    return VOID if any(row.invalid for row in results.rows) else OK


def _alone(error: BaseException) -> BaseException:
    """Return what a group of one holds, however deep: task groups wrap what their body raises."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _check(arguments: argparse.Namespace) -> None:
    if arguments.table and arguments.op:
        raise UsageError("--table has its own operations: leave --op out")
    if arguments.table and arguments.distinct_specs:
        raise UsageError("--table has rows of both sorts: leave --distinct-specs out")
    arguments.op = arguments.op or ["create"]
    if arguments.context and arguments.kubeconfig is None:
        raise UsageError("--context is of a --kubeconfig")
    check_names(arguments.codec, [], arguments.storage_codec)
    arguments.store = claim_store(arguments.store)
    for name in arguments.op:
        if name not in NAMES:
            raise UsageError(f"no operation {name!r}; there are {', '.join(NAMES)}")
    if arguments.server and not arguments.server.startswith(("http://", "https://")):
        raise UsageError(f"{arguments.server!r} is no URL of a server")


def _target(arguments: argparse.Namespace, scratch: Path) -> Target:
    server = None
    if arguments.kubeconfig is not None:
        server = read_kubeconfig(arguments.kubeconfig, scratch, arguments.context)
    elif arguments.server:
        token = _token(arguments.token_file) if arguments.token_file else ""
        server = Server(arguments.server.rstrip("/"), token, insecure=arguments.insecure)
    return Target(
        server, arguments.server_pid, arguments.store, arguments.storage_codec, arguments.seed
    )


def _token(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text"
        raise UsageError(f"{file}: {why}") from error


def paced(text: str) -> float:
    """Parse a rate, 0 included; what cannot be sent is kept in line, so there is a bound."""
    value = rate(text)
    if value > RATE_MAX:
        raise argparse.ArgumentTypeError(f"{text} is above {RATE_MAX:,} a second")
    return value


async def _run(arguments: argparse.Namespace, target: Target, clock: Clock) -> ApiBench:
    started, began_ns = clock.now(), clock.stamp_ns()
    environment = describe_environment()
    rows: list[Row] = []
    cells = _cells(arguments)
    if arguments.table:
        cells = table_cells(arguments.pods, arguments.duration)
    for round_ in range(1, arguments.rounds + 1):
        order = random.Random(f"{arguments.seed}-{round_}").sample(cells, len(cells))
        for cell in order if arguments.rounds > 1 else cells:
            sys.stderr.write(f"round {round_}: {cell.name}\n")
            rows += await measure_any(cell, target, round_, clock)
    rows.sort(key=lambda row: row.round)
    return ApiBench(
        schema_version=SCHEMA_VERSION,
        run_id=f"api-bench-{started:%Y%m%d-%H%M%S}",
        started=started.isoformat(),
        duration_s=(clock.stamp_ns() - began_ns) / 1e9,
        environment=environment,
        command=" ".join(["kubedyno", *sys.argv[1:]]),
        server=target.title,
        rows=rows,
        lines=sum_up(_in_order(rows, cells), aims(cells) if arguments.table else ()),
    )


def _in_order(rows: list[Row], cells: list[Cell]) -> list[Row]:
    """Return the rows as their cells were asked for, and not as they were shuffled."""
    place = {cell.operation: at for at, cell in reversed(list(enumerate(cells)))}
    names = {cell.name: at for at, cell in enumerate(cells)}
    return sorted(rows, key=lambda row: names.get(row.cell, place[row.operation]))


def _cells(arguments: argparse.Namespace) -> list[Cell]:
    return [
        Cell(
            operation,
            codec,
            connections,
            duration_s=arguments.duration or DURATION_S,
            count=arguments.count,
            rate=arguments.rate,
            pods=arguments.pods,
            watchers=arguments.watchers if operation in WATCHED else 0,
            write=arguments.write if operation in WATCHED else "",
            distinct=arguments.distinct_specs,
        )
        for operation in arguments.op
        for codec in arguments.codec
        for connections in arguments.connections
    ]
