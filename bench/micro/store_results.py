"""``store-micro.json``: the table of the store suite."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyperf

from bench.micro.store_suite import Case
from bench.results import Environment

SCHEMA_VERSION: Final = 1
STORE_MICRO_FILE: Final = "store-micro.json"
NOTES: Final = (
    "One after the other, in process; a write to etcd2 or etcd3 includes its sync to the disk.",
    "With 64 at once, the time is that of all, divided by 64.",
)


@dataclass(frozen=True, slots=True)
class StoreRow:
    """One operation of one engine."""

    engine: str
    operation: str
    mean_us: float
    stdev_us: float


@dataclass(frozen=True, slots=True)
class StoreMicro:
    """The whole file."""

    started: str
    environment: Environment
    rows: list[StoreRow]
    schema_version: int = SCHEMA_VERSION
    fast: bool = False
    """Measured with few repetitions: good for a look, not for a claim."""
    notes: list[str] = field(default_factory=lambda: list(NOTES))


def read_store_rows(path: Path) -> list[StoreRow]:
    """Return the rows of the suite's pyperf file."""
    rows = []
    for benchmark in pyperf.BenchmarkSuite.load(str(path)).get_benchmarks():
        case = Case(*benchmark.get_name().split("/"))
        single = benchmark.get_nvalue() < 2
        rows.append(
            StoreRow(
                engine=case.engine,
                operation=case.operation,
                mean_us=benchmark.mean() * 1e6,
                stdev_us=0.0 if single else benchmark.stdev() * 1e6,
            )
        )
    return rows
