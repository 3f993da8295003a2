"""``store-bench.json``: a row a cell and round, and what the rounds come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from bench.apibench.results import Line
from bench.latency import Latency
from bench.results import Environment

SCHEMA_VERSION: Final = 1
STORE_BENCH_FILE: Final = "store-bench.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One cell, measured once."""

    cell: str
    """Its name: ``etcd3 put c64``; unique within its table."""
    round: int
    table: str
    """Where the load ran, ``in process`` or ``over the protocol`` (and by which client): rows of
    different tables are never compared."""
    server: str
    operation: str
    clients: int
    processes: int
    values: dict[str, float]
    """What was measured, by name with its unit last: ``per_s``, ``server_us`` (CPU an operation),
    ``server_cores``, ``client_us``, ``client_cores``, ``syncs_per_s``, ``writes_per_sync``;
    in process, where the two are one: ``process_us``, ``process_cores``; of the machine meanwhile:
    ``others_cores``, ``idle_cores``."""
    latency: Latency
    rate: float = 0.0
    """A second, that was asked for; 0: as fast as answers come."""
    operations: int = 0
    window_s: float = 0.0
    histogram: str = ""
    """HDR, base64, in microseconds."""
    invalid: list[str] = field(default_factory=list)
    """Why the numbers say nothing; empty: they stand."""
    notes: list[str] = field(default_factory=list)
    """What to know beside them: ``client-bound``."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Operations a second of one server over those of another, paired by round."""

    what: str
    """``put c64``."""
    server: str
    over: str
    ratio: float
    """The geometric mean."""
    low: float | None
    high: float | None
    """Of the 95 % interval; null for a single round."""
    rounds: int
    at_least: float | None = None
    """What was aimed at, if anything was."""


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of one place."""

    title: str
    lines: list[Line]
    comparisons: list[Comparison] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StoreBench:
    """The whole file."""

    schema_version: int
    run_id: str
    started: str
    """ISO 8601, UTC."""
    duration_s: float
    environment: Environment
    command: str
    rows: list[Row]
    tables: list[Table]
    """What the rounds come to."""
    skipped: list[str] = field(default_factory=list)
    """What was asked for and could not be done here, and why."""
