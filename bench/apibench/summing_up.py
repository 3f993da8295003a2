"""What the rounds come to: median and range by cell, and whether aims are met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Protocol

from bench.apibench.results import Goal, Line, Spread
from bench.apibench.table import Aim
from bench.latency import Latency


class Measured(Protocol):
    """What is summed up: one cell, measured once; of this benchmark or of another."""

    @property
    def cell(self) -> str:
        """Its name."""
        ...

    @property
    def round(self) -> int:
        """Which of the rounds."""
        ...

    @property
    def values(self) -> dict[str, float]:
        """What was measured, by name with its unit last."""
        ...

    @property
    def latency(self) -> Latency:
        """Its latencies."""
        ...

    @property
    def invalid(self) -> list[str]:
        """Why the numbers say nothing."""
        ...

    @property
    def notes(self) -> list[str]:
        """What to know beside them."""
        ...


def figures(row: Measured) -> dict[str, float]:
    """Return all numbers of a row, its latencies among them."""
    latency = row.latency
    timed = {
        "p50_ms": latency.p50_ms,
        "p90_ms": latency.p90_ms,
        "p99_ms": latency.p99_ms,
        "max_ms": latency.max_ms,
    }
    return row.values | {name: value for name, value in timed.items() if value is not None}


def sum_up(rows: Iterable[Measured], aims: Sequence[Aim] = ()) -> list[Line]:
    """Return a line for each cell, in the order of their first rows.

    Rows that are invalid count for nothing but the reason that they give.
    """
    by_cell: defaultdict[str, list[Measured]] = defaultdict(list)
    for row in rows:
        by_cell[row.cell].append(row)
    return [_line(cell, found, aims) for cell, found in by_cell.items()]


def _line(cell: str, rows: list[Measured], aims: Sequence[Aim]) -> Line:
    values: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        if not row.invalid:
            for name, value in figures(row).items():
                values[name].append(value)
    spreads = {
        name: Spread(median(found), min(found), max(found), len(found))
        for name, found in values.items()
    }
    return Line(
        cell=cell,
        figures=spreads,
        goals=[_goal(aim, spreads.get(aim.figure)) for aim in aims if aim.cell == cell],
        invalid=[f"round {row.round}: {why}" for row in rows for why in row.invalid],
        notes=[f"round {row.round}: {note}" for row in rows for note in row.notes],
    )


def _goal(aim: Aim, spread: Spread | None) -> Goal:
    measured = spread.median if spread is not None else None
    met = measured is not None and (
        (aim.at_least is None or measured >= aim.at_least)
        and (aim.at_most is None or measured <= aim.at_most)
    )
    return Goal(aim.figure, aim.at_least, aim.at_most, measured, met)
