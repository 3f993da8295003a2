"""``api-bench.json`` as the report reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reports.model import Environment
from reports.reading import read_versioned

API_BENCH_FILE: Final = "api-bench.json"


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the rounds that are valid."""

    median: float
    low: float
    high: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Goal:
    """What was aimed at, and the median that was measured; null: no valid round."""

    figure: str
    at_least: float | None
    at_most: float | None
    measured: float | None
    met: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A cell over its rounds."""

    cell: str
    figures: dict[str, Spread]
    goals: list[Goal] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ApiBench:
    """One run of the benchmark; its single rows are not read here."""

    run_id: str
    started: str
    duration_s: float
    environment: Environment
    command: str
    server: str
    lines: list[Line]

    @classmethod
    def read(cls, directory: Path) -> ApiBench:
        """Read a results directory. Raises ReportError."""
        return read_versioned(directory / API_BENCH_FILE, cls)

    @property
    def goals(self) -> list[Goal]:
        """Return all that was aimed at."""
        return [goal for line in self.lines for goal in line.goals]
