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
from bench.commands.ending import terminated_like_interrupted
from bench.commands.interface import OK, VOID, CommandError, UsageError
from bench.commands.options import claim_directory, names, positive, rate, seconds
from bench.commands.store_bench_plan import STREAMS, judged_servers, planned
from bench.commands.store_bench_summary import print_store_bench
from bench.environment import describe_environment
from bench.results import write_json
from bench.storebench.beside import READING, rows_beside
from bench.storebench.cells import Cell
from bench.storebench.check_perf import LOADS, PROGRAM, available, check_perf, name_of
from bench.storebench.drivers.engines import ENGINES
from bench.storebench.drivers.interface import DriverError
from bench.storebench.drivers.registry import DRIVERS
from bench.storebench.generator import alone
from bench.storebench.operations import NAMES
from bench.storebench.orchestration import CellFailedError, measure
from bench.storebench.results import SCHEMA_VERSION, STORE_BENCH_FILE, Row, StoreBench
from bench.storebench.table import aims, order_of, tables_of
from storage.clock import Clock, SystemClock

HELP: Final = "load a store directly, in process or over its protocol: rates, latencies, syncs, CPU"

FAILURES: Final = (CellFailedError, ChildError, DriverError)
CLIENTS: Final = tuple(dict.fromkeys(entry.client for entry in DRIVERS.values() if entry.client))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    _add_target(parser)
    _add_cells(parser)
    parser.add_argument("--rounds", type=positive, default=1)
    parser.add_argument("--seed", type=int, default=0, help="the source of all chance")
    parser.add_argument("--out", type=Path, help="where results go; default: nowhere")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")


def _add_target(parser: argparse.ArgumentParser) -> None:
    """Add what is loaded, and by what."""
    parser.add_argument(
        "--store",
        default="etcd3",
        metavar="S",
        help=f"{', '.join(ENGINES)}: in process; or a URL etcd3://HOST:PORT[,HOST:PORT], etcd2://...",
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
        "--table",
        nargs="?",
        const="whole",
        choices=("whole", "short"),
        help="the closing table, or what is aimed at in short; best with --rounds 3",
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


def _add_cells(parser: argparse.ArgumentParser) -> None:
    """Add what is done to it."""
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
    parser.add_argument("--value-size", type=counts, default=[1144], metavar="B,B")
    parser.add_argument("--keys", type=counts, default=[10_000], metavar="K,K")
    parser.add_argument("--duration", type=seconds, default=0.0, metavar="S", help="of a cell")
    parser.add_argument("--rate", type=paced, default=0.0, help="a second, open loop; 0: closed")
    parser.add_argument("--read-share", type=rate, default=0.8, help="of a mixed load")
    parser.add_argument("--watchers", type=positive, default=100, metavar="N", help="of watches")
    parser.add_argument(
        "--streams",
        type=positive,
        default=0,
        metavar="N",
        help=f"that hold idle watches (default: {STREAMS}; etcd2 has a connection a watch)",
    )
    parser.add_argument(
        "--long-polls", action="store_true", help="etcd2's watches ask for each event anew"
    )
    parser.add_argument(
        "--quorum",
        action="store_true",
        help="etcd2's reads go through its log; etcd3's are linearizable anyway",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Measure, write, print."""
    cells = planned(arguments)
    try:
        beside = rows_beside(arguments.beside)
    except READING as error:
        raise UsageError(str(error)) from error
    directory = claim_directory(arguments.out, (STORE_BENCH_FILE,)) if arguments.out else None
    bench = _Bench(arguments, cells, beside, SystemClock())
    try:
        with terminated_like_interrupted():
            asyncio.run(bench.run())
    except (*FAILURES, ExceptionGroup) as error:
        cause = alone(error)
        if not isinstance(cause, FAILURES):
            raise
        bench.break_off(directory, str(cause))
        raise CommandError(str(cause)) from error
    except KeyboardInterrupt:
        bench.break_off(directory, "interrupted")
        raise
    results = bench.results()
    if directory is not None:
        write_json(directory / STORE_BENCH_FILE, results)
    if arguments.json:
        with tempfile.TemporaryDirectory() as scratch:
            sys.stdout.buffer.write(write_json(Path(scratch) / "r.json", results).read_bytes())
    else:
        print_store_bench(results, draw(directory) if directory is not None else None)
    return VOID if any(row.invalid for row in results.rows) else OK


class _Bench:
    """What is measured, and what has been so far: nothing of it is lost when something ends it."""

    def __init__(
        self, arguments: argparse.Namespace, cells: list[Cell], beside: list[Row], clock: Clock
    ) -> None:
        self._arguments = arguments
        self._cells = cells
        self._clock = clock
        self._started, self._began_ns = clock.now(), clock.stamp_ns()
        self._environment = describe_environment()
        self._rows = list(beside)
        self._skipped: list[str] = []
        self._at = ""
        """Which cell is being measured."""

    async def run(self) -> None:
        """Measure. Raises what ``FAILURES`` names."""
        arguments, cells, clock = self._arguments, self._cells, self._clock
        judged = judged_servers(arguments)
        if judged and not available():
            self._skipped = [f"check perf: there is no program {PROGRAM!r} on the path"]
            judged = []
        pids = arguments.server_pid
        for round_ in range(1, arguments.rounds + 1):
            order = random.Random(f"{arguments.seed}-{round_}").sample(cells, len(cells))
            for cell in order if arguments.rounds > 1 else cells:
                self._tell(f"round {round_}: {DRIVERS[cell.driver].table}: {cell.name}")
                self._rows.append(await measure(cell, round_, clock, server_pids=pids))
            for server in judged:
                self._tell(f"round {round_}: {name_of(server, arguments.load)}, a minute")
                row = await check_perf(server, arguments.load, round_, clock, server_pids=pids)
                self._rows.append(row)

    def _tell(self, at: str) -> None:
        self._at = at
        sys.stderr.write(f"{at}\n")

    def break_off(self, directory: Path | None, why: str) -> None:
        """Write down what was measured before something ended it, and what ended it."""
        self._skipped.append(f"{self._at}: {why}; what was to follow was not measured")
        if directory is not None and self._rows:
            write_json(directory / STORE_BENCH_FILE, self.results())
            draw(directory)

    def results(self) -> StoreBench:
        """Return what has been measured so far."""
        started, aimed = self._started, aims() if self._arguments.table else ()
        return StoreBench(
            schema_version=SCHEMA_VERSION,
            run_id=f"store-bench-{started:%Y%m%d-%H%M%S}",
            started=started.isoformat(),
            duration_s=(self._clock.stamp_ns() - self._began_ns) / 1e9,
            environment=self._environment,
            command=" ".join(["kubedyno", *sys.argv[1:]]),
            rows=sorted(self._rows, key=lambda row: row.round),
            tables=tables_of(self._rows, order_of(self._cells), aimed),
            skipped=list(self._skipped),
        )
