"""Which way a cell is measured: by its operation's name."""

from __future__ import annotations

from typing import Final

from bench.apibench.cells import Cell
from bench.apibench.fanout import BY_NODE, FANOUT, measure_fanout
from bench.apibench.large import LARGE, measure_large
from bench.apibench.operations.registry import OPERATIONS
from bench.apibench.orchestration import Target, measure
from bench.apibench.results import Row
from storage.clock import Clock

WATCHED: Final = (FANOUT, BY_NODE)
NAMES: Final = (*OPERATIONS, *WATCHED, LARGE)


async def measure_any(cell: Cell, target: Target, round_: int, clock: Clock) -> list[Row]:
    """Measure a cell; return its rows.

    Raises CellFailedError, ChildError, SetUpError, UnreachableError.
    """
    if cell.operation == LARGE:
        return await measure_large(cell, target, round_, clock)
    if cell.operation in WATCHED:
        return [await measure_fanout(cell, target, round_)]
    return [await measure(cell, target, round_)]
