"""The closing table: which cells, what is aimed at, and how ours compares with the real one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from bench.apibench.summing_up import sum_up
from bench.apibench.table import Aim
from bench.statistics import paired_ratio
from bench.storebench.cells import Cell
from bench.storebench.drivers.registry import DRIVERS
from bench.storebench.operations import IDLE, WATCH
from bench.storebench.results import Comparison, Row, Table
from bench.storebench.servers import REAL

ENGINES: Final = ("etcd3", "memory")
SERVED: Final = ("kubedyno-etcd3", REAL)
CALLERS: Final = (1, 16, 64, 256)
OPERATIONS: Final = ("put", "txn", "range")
CELL_S: Final = 3.0
KEYS: Final = 2000
"""Each is written before a cell begins, by clients that may take a third of a ms for it."""
WATCHERS: Final = 100
WATCH_RATE: Final = 200.0
IDLE_WATCHES: Final = 10_000
IDLE_STREAMS: Final = 10
OURS: Final = "kubedyno-"
KINDS: Final = {WATCH: "events to watches", IDLE: "watches where nothing happens"}
"""What has a table of its own, for other things are measured."""
RATIOS: Final = {"check-perf l": 0.25}
"""What is aimed at for ours over the real one."""


def table_cells(duration_s: float = 0.0) -> list[Cell]:
    """Return the cells of the table; a duration above 0 is that of every cell."""
    cells = [
        *(
            Cell("engine", server, op, n)
            for server in ENGINES
            for op in OPERATIONS
            for n in CALLERS
        ),
        *(_watch("engine", server) for server in ENGINES),
        *_over("etcd3-wire", OPERATIONS, CALLERS),
        *(_watch("etcd3-wire", server) for server in SERVED),
        *(_idle("etcd3-wire", server) for server in SERVED),
        *_over("etcd3-raw", ("txn",), (16, 64)),
        *_over("etcd3-store", ("txn", "range"), (16, 64)),
    ]
    return [replace(cell, keys=KEYS, duration_s=duration_s or CELL_S) for cell in cells]


def _over(driver: str, operations: Iterable[str], callers: Sequence[int]) -> list[Cell]:
    """Return the cells of a client; those of the two servers stand beside each other."""
    return [
        Cell(driver, server, operation, count)
        for operation in operations
        for count in callers
        for server in SERVED
    ]


def _watch(driver: str, server: str) -> Cell:
    return Cell(driver, server, WATCH, 1, rate=WATCH_RATE, watchers=WATCHERS)


def _idle(driver: str, server: str) -> Cell:
    return Cell(driver, server, IDLE, 1, watchers=IDLE_WATCHES, streams=IDLE_STREAMS)


def aims() -> list[Aim]:
    """Return what is aimed at."""
    idle = _idle("etcd3-wire", SERVED[0]).name
    return [
        Aim("etcd3 put c64", "per_s", 20_000.0),
        Aim("etcd3 put c64", "p99_ms", at_most=8.0),
        Aim("etcd3 range c64", "per_s", 300_000.0),
        Aim(idle, "kib_per_watch", at_most=2.0),
    ]


def order_of(cells: Iterable[Cell]) -> list[tuple[str, str]]:
    """Return the order in which cells stand in their tables: the title, and the cell's name."""
    return [(DRIVERS[cell.driver].table, cell.name) for cell in cells]


def tables_of(
    rows: Sequence[Row], order: Sequence[tuple[str, str]], aimed: Sequence[Aim] = ()
) -> list[Table]:
    """Return what the rounds come to: a table a place and kind, its lines in this order."""
    place = {known: at for at, known in reversed(list(enumerate(order)))}
    last = len(place)

    def at(row: Row) -> tuple[int, int]:
        return place.get((row.table, row.cell), last), row.round

    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=at):
        title = f"{row.table}: {KINDS[row.operation]}" if row.operation in KINDS else row.table
        found.setdefault(title, []).append(row)
    return [Table(title, sum_up(each, aimed), compared(each)) for title, each in found.items()]


def compared(rows: Sequence[Row]) -> list[Comparison]:
    """Return ours against the real one, round by round, where both did the same."""
    rates: dict[str, dict[str, dict[int, float]]] = {}
    for row in rows:
        if not row.invalid and "per_s" in row.values:
            what = row.cell.removeprefix(row.server).strip()
            rates.setdefault(what, {}).setdefault(row.server, {})[row.round] = row.values["per_s"]
    found = []
    for what, servers in rates.items():
        theirs = servers.get(REAL, {})
        for server, ours in servers.items():
            rounds = sorted(ours.keys() & theirs.keys())
            ratio = paired_ratio([ours[r] for r in rounds], [theirs[r] for r in rounds])
            if server.startswith(OURS) and ratio is not None:
                found.append(
                    Comparison(
                        what=what,
                        server=server,
                        over=REAL,
                        ratio=ratio.ratio,
                        low=ratio.low,
                        high=ratio.high,
                        rounds=ratio.rounds,
                        at_least=RATIOS.get(what),
                    )
                )
    return found
