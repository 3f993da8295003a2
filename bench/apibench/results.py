"""``api-bench.json``: a row a cell and round, and what the rounds come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from bench.latency import Latency
from bench.results import Environment

SCHEMA_VERSION: Final = 1
API_BENCH_FILE: Final = "api-bench.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One cell, measured once."""

    cell: str
    """Its name: ``create protobuf c16``."""
    round: int
    operation: str
    codec: str
    connections: int
    values: dict[str, float]
    """What was measured, by name with its unit last: ``per_s``, ``server_ms`` (CPU an operation),
    ``generator_us``, ``generator_cores``, ``server_cores``, ``list_s``, ``extra_mib`` ..."""
    latency: Latency
    operations: int = 0
    window_s: float = 0.0
    histogram: str = ""
    """HDR, base64, in microseconds."""
    invalid: list[str] = field(default_factory=list)
    """Why the numbers say nothing; empty: they stand."""
    notes: list[str] = field(default_factory=list)
    """What to know beside them: ``generator-bound``."""
    distinct: bool = False
    """Every pod's spec was like no other's: a server could remember parts at most."""
    counted: dict[str, list[int]] = field(default_factory=dict)
    """By sort of request: the generator's count, and the server's own."""


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
    goals: list[Goal]
    invalid: list[str]
    """Why which rounds were left out."""
    notes: list[str]


@dataclass(frozen=True, slots=True)
class ApiBench:
    """The whole file."""

    schema_version: int
    run_id: str
    started: str
    """ISO 8601, UTC."""
    duration_s: float
    environment: Environment
    command: str
    server: str
    """Where the requests went; ``own <store>`` for servers that were started for it."""
    rows: list[Row]
    lines: list[Line]
    """What the rounds come to."""
