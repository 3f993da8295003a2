"""The closing table: which cells, what is aimed at, and how ours compares with the real one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from bench.apibench.summing_up import sum_up
from bench.apibench.table import Aim
from bench.statistics import paired_ratio
from bench.storebench.cells import QUORUM, Cell
from bench.storebench.drivers.registry import DRIVERS
from bench.storebench.operations import IDLE, WATCH
from bench.storebench.results import Comparison, Row, Table
from bench.storebench.servers import OURS_V2, REAL, REAL_V2

ENGINES: Final = ("etcd3", "etcd2", "memory")
SERVED: Final = ("kubedyno-etcd3", REAL)
SERVED_V2: Final = (OURS_V2, REAL_V2)
CALLERS: Final = (1, 16, 64, 256)
OPERATIONS: Final = ("put", "txn", "range")
CELL_S: Final = 3.0
SHORT_S: Final = 2.0
KEYS: Final = 2000
"""Each is written before a cell begins, by clients that may take a third of a ms for it."""
WATCHERS: Final = 100
WATCH_RATE: Final = 200.0
POLLERS: Final = 10
"""A long poll is a request an event: more of them at this rate is more than two cores give."""
IDLE_WATCHES: Final = 10_000
IDLE_STREAMS: Final = 10
IDLE_WATCHES_V2: Final = 2000
"""Each has a connection of its own."""
OURS: Final = "kubedyno-"
KINDS: Final = {WATCH: "events to watches", IDLE: "watches where nothing happens"}
"""What has a table of its own, for other things are measured."""
RATIOS: Final = {
    ("check-perf l", REAL): 0.25,
    **{(f"put c{callers}", REAL_V2): 0.5 for callers in CALLERS[:-1]},
    **{(f"range c{callers}", REAL_V2): 0.4 for callers in CALLERS[:-1]},
}
"""What is aimed at for ours over a real one."""
GENERATIONS: Final = {
    "etcd2": "etcd3",
    OURS_V2: "kubedyno-etcd3",
    f"{OURS_V2}-embedded": "kubedyno-etcd3-embedded",
    REAL_V2: REAL,
}
"""Servers, and their successors by which they are measured, too."""


def table_cells(duration_s: float = 0.0, *, short: bool = False) -> list[Cell]:
    """Return the cells of the table; a duration above 0 is that of every cell.

    ``short``: what is aimed at, and the two generations beside each other, no more.
    """
    cells, usual_s = (_short(), SHORT_S) if short else (_whole(), CELL_S)
    return [replace(cell, keys=KEYS, duration_s=duration_s or usual_s) for cell in cells]


def _whole() -> list[Cell]:
    return [
        *_inside(ENGINES, OPERATIONS, CALLERS),
        *(_watch("engine", server) for server in ENGINES),
        *_over("etcd3-wire", OPERATIONS, CALLERS),
        *_over("etcd2-wire", OPERATIONS, CALLERS),
        *_over("etcd2-wire", ("range",), CALLERS, quorum=True),
        *(_watch("etcd3-wire", server) for server in SERVED),
        *(_watch("etcd2-wire", server) for server in SERVED_V2),
        *(_polls(server) for server in SERVED_V2),
        *(_idle("etcd3-wire", server) for server in SERVED),
        *(_idle_v2(server) for server in SERVED_V2),
        *_over("etcd3-raw", ("txn",), (16, 64)),
        *_over("etcd3-store", ("txn", "range"), (16, 64)),
        *_over("etcd2-store", ("txn", "range"), (16, 64)),
    ]


def _short() -> list[Cell]:
    return [
        *_inside(("etcd3", "etcd2"), ("put",), CALLERS),
        *_inside(("etcd3", "etcd2"), ("range",), (64,)),
        *_over("etcd3-wire", ("put", "range"), (16, 64)),
        *_over("etcd2-wire", ("put", "range"), CALLERS[:-1]),
        *_over("etcd2-wire", ("range",), (64,), quorum=True),
    ]


def _inside(
    engines: Iterable[str], operations: Iterable[str], callers: Sequence[int]
) -> list[Cell]:
    return [
        Cell("engine", server, operation, count)
        for server in engines
        for operation in operations
        for count in callers
    ]


def _over(
    driver: str, operations: Iterable[str], callers: Sequence[int], *, quorum: bool = False
) -> list[Cell]:
    """Return the cells of a client; those of the two servers stand beside each other."""
    servers = SERVED_V2 if DRIVERS[driver].scheme == "etcd2" else SERVED
    return [
        Cell(driver, server, operation, count, quorum=quorum)
        for operation in operations
        for count in callers
        for server in servers
    ]


def _watch(driver: str, server: str) -> Cell:
    return Cell(driver, server, WATCH, 1, rate=WATCH_RATE, watchers=WATCHERS)


def _polls(server: str) -> Cell:
    return Cell("etcd2-wire", server, WATCH, 1, rate=WATCH_RATE, watchers=POLLERS, polls=True)


def _idle(driver: str, server: str) -> Cell:
    return Cell(driver, server, IDLE, 1, watchers=IDLE_WATCHES, streams=IDLE_STREAMS)


def _idle_v2(server: str) -> Cell:
    return Cell("etcd2-wire", server, IDLE, 1, watchers=IDLE_WATCHES_V2, streams=0)


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
    """Return ours against the real one, and the elder generation against the younger.

    Round by round, where both did the same: the younger's reads are ordered with the writes, so
    those of the elder that are so, too, are measured by them. A rate that was asked for is no
    measure of who kept it.
    """
    rates: dict[str, dict[str, dict[int, float]]] = {}
    for row in rows:
        if not row.invalid and not row.rate and "per_s" in row.values:
            what = row.cell.removeprefix(row.server).strip()
            rates.setdefault(what, {}).setdefault(row.server, {})[row.round] = row.values["per_s"]
    return [
        found
        for what, servers in rates.items()
        for server in servers
        for over in _measured_by(server)
        if (
            found := _compared(
                what, (server, servers[server]), (over, _same_of(rates, what, server, over))
            )
        )
        is not None
    ]


def _same_of(
    rates: dict[str, dict[str, dict[int, float]]], what: str, server: str, over: str
) -> dict[int, float]:
    """Return the rates of what another server did that is the same."""
    if over == GENERATIONS.get(server):
        what = what.replace(QUORUM, "")
    return rates.get(what, {}).get(over, {})


def _measured_by(server: str) -> Iterator[str]:
    """Yield the servers over which a server is told."""
    if server.startswith(OURS_V2):
        yield REAL_V2
    elif server.startswith(OURS):
        yield REAL
    if server in GENERATIONS:
        yield GENERATIONS[server]


def _compared(
    what: str, mine: tuple[str, dict[int, float]], other: tuple[str, dict[int, float]]
) -> Comparison | None:
    (server, ours), (over, theirs) = mine, other
    rounds = sorted(ours.keys() & theirs.keys())
    ratio = paired_ratio([ours[r] for r in rounds], [theirs[r] for r in rounds])
    if ratio is None:
        return None
    return Comparison(
        what=what,
        server=server,
        over=over,
        ratio=ratio.ratio,
        low=ratio.low,
        high=ratio.high,
        rounds=ratio.rounds,
        at_least=RATIOS.get((what, over)),
    )
