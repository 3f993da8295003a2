"""``store-bench.json`` and ``store-micro.json`` as the report reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reports.apibench_model import Line
from reports.model import Environment
from reports.reading import read_versioned

STORE_BENCH_FILE: Final = "store-bench.json"
STORE_MICRO_FILE: Final = "store-micro.json"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Operations a second of one server over those of another, paired by round."""

    what: str
    server: str
    over: str
    ratio: float
    low: float | None
    high: float | None
    rounds: int
    at_least: float | None = None


@dataclass(frozen=True, slots=True)
class StoreTable:
    """The cells of one place."""

    title: str
    lines: list[Line]
    comparisons: list[Comparison] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StoreBench:
    """One run of the benchmark; its single rows are not read here."""

    run_id: str
    started: str
    duration_s: float
    environment: Environment
    command: str
    tables: list[StoreTable]
    skipped: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, directory: Path) -> StoreBench:
        """Read a results directory. Raises ReportError."""
        return read_versioned(directory / STORE_BENCH_FILE, cls)

    @property
    def lines(self) -> list[Line]:
        """Return all cells."""
        return [line for table in self.tables for line in table.lines]


@dataclass(frozen=True, slots=True)
class StoreRow:
    """One operation of one engine."""

    engine: str
    operation: str
    mean_us: float
    stdev_us: float


@dataclass(frozen=True, slots=True)
class StoreMicro:
    """The table of the store suite."""

    started: str
    environment: Environment
    rows: list[StoreRow]
    fast: bool = False
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, directory: Path) -> StoreMicro:
        """Read a results directory. Raises ReportError."""
        return read_versioned(directory / STORE_MICRO_FILE, cls)
