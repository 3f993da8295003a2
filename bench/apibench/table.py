"""The closing table: which cells, and what is aimed at for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from bench.apibench.cells import Cell
from bench.apibench.fanout import BY_NODE, FANOUT
from bench.apibench.large import LARGE, PODS_DEFAULT

REQUEST_S: Final = 4.0
WATCH_S: Final = 5.0


class Aim(NamedTuple):
    """What is aimed at: a figure of a cell, at least or at most so much."""

    cell: str
    figure: str
    at_least: float | None = None
    at_most: float | None = None


def _watched(codec: str, watchers: int, writers: int, rate: float = 0.0, by: str = FANOUT) -> Cell:
    return Cell(
        by,
        codec,
        writers,
        duration_s=2 * WATCH_S if rate else WATCH_S,
        rate=rate,
        watchers=watchers,
        write="status-put" if codec == "protobuf" else "status-patch",
    )


def table_cells(pods: int = 0, duration_s: float = 0.0) -> list[Cell]:
    """Return the cells of the table.

    ``pods`` are those of the large one (0: 60,000); a duration above 0 is that of every cell.
    """
    cells = _table_cells(pods or PODS_DEFAULT)
    return [replace(cell, duration_s=duration_s) for cell in cells] if duration_s else cells


def _table_cells(pods: int) -> list[Cell]:
    requests = [
        *(("create", codec, n) for codec in ("protobuf", "orjson") for n in (1, 16, 64)),
        *(("get", codec, 16) for codec in ("protobuf", "orjson")),
        ("get-rv0", "orjson", 16),
        ("status-put", "protobuf", 64),
        ("status-patch", "orjson", 64),
        ("status-patch", "protobuf", 64),
    ]
    single = [Cell(name, codec, n, duration_s=REQUEST_S) for name, codec, n in requests]
    return [
        *single,
        *(replace(cell, distinct=True) for cell in single if cell.operation == "create"),
        *(_watched(codec, 100, 16) for codec in ("protobuf", "orjson")),
        *(_watched("protobuf", 1000, writers) for writers in (4, 16)),
        _watched("orjson", 1000, 4),
        *(_watched(codec, 1000, 4, rate=20.0) for codec in ("protobuf", "orjson")),
        *(_watched(codec, 1000, 16, by=BY_NODE) for codec in ("protobuf", "orjson")),
        Cell(LARGE, "protobuf", 1, pods=pods),
    ]


def aims(cells: list[Cell]) -> list[Aim]:
    """Return what is aimed at for these cells."""
    return [aim for cell in cells if cell.operation in AIMS for aim in AIMS[cell.operation](cell)]


CREATES: Final = {
    ("protobuf", 16): (5000.0, 0.13),
    ("protobuf", 64): (9000.0, 0.13),
    ("orjson", 16): (3000.0, 0.25),
    ("orjson", 64): (4500.0, 0.25),
}
FANOUT_EVENTS: Final = {100: 80_000.0, 1000: 150_000.0}
GB_IN_MIB: Final = 1e9 / 1024**2


def _of_create(cell: Cell) -> list[Aim]:
    if cell.distinct or (cell.codec, cell.connections) not in CREATES:
        return []  # the aims are for replicas, as the figures are that they were taken from
    per_s, cpu_ms = CREATES[cell.codec, cell.connections]
    return [Aim(cell.name, "per_s", per_s), Aim(cell.name, "server_ms", at_most=cpu_ms)]


def _of_get(cell: Cell) -> list[Aim]:
    return [Aim(cell.name, "per_s", 20_000.0)]


def _of_put(cell: Cell) -> list[Aim]:
    return [Aim(cell.name, "per_s", 6000.0), Aim(cell.name, "server_ms", at_most=0.2)]


def _of_patch(cell: Cell) -> list[Aim]:
    return [Aim(cell.name, "server_ms", at_most=0.25)]


def _of_fanout(cell: Cell) -> list[Aim]:
    if cell.rate:
        return [Aim(cell.name, "p50_ms", at_most=10.0), Aim(cell.name, "p99_ms", at_most=25.0)]
    events_per_s = FANOUT_EVENTS[cell.watchers]
    return [Aim(cell.name, "per_s", events_per_s), Aim(cell.name, "p99_ms", at_most=100.0)]


def _of_nodes(cell: Cell) -> list[Aim]:
    return [Aim(cell.name, "writes_per_s", 4000.0), Aim(cell.name, "p99_ms", at_most=15.0)]


def _of_large(cell: Cell) -> list[Aim]:
    if cell.pods != PODS_DEFAULT:
        return []  # the aims are for that many
    prefix = f"{LARGE} {cell.pods}: "
    found = []
    for listing, list_s in (("protobuf", 0.25), ("orjson cached", 0.3), ("orjson cold", 4.0)):
        found += [
            Aim(f"{prefix}list {listing}", "list_s", at_most=list_s),
            Aim(f"{prefix}list {listing}", "extra_mib", at_most=64.0),
            Aim(f"{prefix}get beside list {listing}", "p99_ms", at_most=2.0),
            Aim(f"{prefix}get beside list {listing}", "max_ms", at_most=20.0),
        ]
    return [
        *found,
        Aim(f"{prefix}memory filled", "anon_mib", at_most=0.7 * GB_IN_MIB),
        Aim(f"{prefix}memory with JSON cached", "anon_mib", at_most=0.7 * GB_IN_MIB),
        Aim(f"{prefix}restart", "restart_s", at_most=3.0),
    ]


AIMS: Final[dict[str, Callable[[Cell], list[Aim]]]] = {
    "create": _of_create,
    "get": _of_get,
    "status-put": _of_put,
    "status-patch": _of_patch,
    FANOUT: _of_fanout,
    BY_NODE: _of_nodes,
    LARGE: _of_large,
}
