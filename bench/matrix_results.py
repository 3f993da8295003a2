"""``matrix.json`` and ``codecs.json``: the shapes of what compares runs, for ``reports`` to read.

The unit of replication is the round. Every interval here is over rounds, of values paired by
round; samples within a run never count as replicates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from bench.results import SCHEMA_VERSION, Config, Environment, Verdict

MATRIX_FILE: Final = "matrix.json"
CODECS_FILE: Final = "codecs.json"
CONFIDENCE: Final = 0.95
ROUNDS_TO_DECIDE: Final = 5
"""Fewer rounds give an estimate and no decision."""


@dataclass(frozen=True, slots=True)
class Metric:
    """How to read a metric of ``matrix.json``."""

    title: str
    unit: str
    higher_is_better: bool


METRICS: Final[dict[str, Metric]] = {
    "pods_per_s": Metric("Pods started", "pods/s", higher_is_better=True),
    "writes_per_s": Metric("Writes", "1/s", higher_is_better=True),
    "watch_events_per_s": Metric("Watch events sent", "1/s", higher_is_better=True),
    "startup_p50_ms": Metric("Pod start-up p50 (probes)", "ms", higher_is_better=False),
    "startup_p99_ms": Metric("Pod start-up p99 (probes)", "ms", higher_is_better=False),
    "steady_calls_p99_ms": Metric(
        "Calls on one object p99, steady (API server)", "ms", higher_is_better=False
    ),
    "cpu_fill_s": Metric("CPU of the fill, all processes", "s", higher_is_better=False),
    "cpu_ms_per_pod": Metric("CPU a pod, all processes", "ms", higher_is_better=False),
    "apiserver_cpu_fill_s": Metric("CPU of the fill, API server", "s", higher_is_better=False),
    "apiserver_cpu_s": Metric("CPU, API server", "s", higher_is_better=False),
    "etcd_cpu_s": Metric("CPU, processes of the store", "s", higher_is_better=False),
    "control_cpu_s": Metric("CPU, controllers and scheduler", "s", higher_is_better=False),
    "nodes_cpu_s": Metric("CPU, hollow nodes", "s", higher_is_better=False),
    "measuring_cpu_s": Metric("CPU, measuring process", "s", higher_is_better=False),
    "apiserver_anon_max_mib": Metric("Memory, API server", "MiB", higher_is_better=False),
}


@dataclass(frozen=True, slots=True)
class Round:
    """One run of a cell. ``values`` lacks what the run did not measure; a void run has none."""

    round: int
    """From 1."""
    directory: str
    """Relative to the matrix: ``protobuf-etcd3/round-1``."""
    verdict: Verdict
    values: dict[str, float]
    """Keys of ``METRICS``."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over ``rounds`` rounds with its t interval; null bounds for a single round."""

    mean: float
    low: float | None
    high: float | None
    rounds: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: one setting of every switch, measured once a round."""

    name: str
    codec: str
    storage_codec: str
    store: str
    rounds: list[Round]
    summary: dict[str, Interval]
    """Keys of ``METRICS``; over the rounds that are not void."""
    settings: dict[str, str] = field(default_factory=dict)
    """Of everything else that can be switched, by name: ``{"kubelet_writes": "put", ...}``."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric in two cells that differ in one axis: ``numerator / denominator``."""

    axis: str
    """``codec``, ``store``, or the name of a setting."""
    metric: str
    numerator: str
    denominator: str
    """Names of cells. On the codec axis the denominator is protobuf's (the slides' "JSON costs n
    times"), on the store axis memory's, on the axis of a switch the usual value's."""
    ratio: float
    """The geometric mean of the rounds' ratios."""
    low: float | None
    high: float | None
    rounds: int
    """Rounds in which both cells count."""
    decided: bool
    """At least ``ROUNDS_TO_DECIDE`` rounds, and 1 is outside of the interval."""
    rounds_needed: int | None
    """About how many rounds it takes for 1 to leave the interval, if the spread stays; null when
    the rounds tell nothing (fewer than 2), or above 1000."""
    text: str
    """``protobuf needs 0.42x ...``: a line for people; "undecided: n rounds, about m needed"."""


@dataclass(frozen=True, slots=True)
class MatrixResults:
    """All cells of a matrix, and what they say about one another."""

    schema_version: int
    matrix_id: str
    started: str
    duration_s: float
    complete: bool
    """False when it was interrupted: some rounds are missing."""
    environment: Environment
    config: Config
    """The load that all cells share (its codec, store and switches are the first cell's)."""
    order: list[str]
    """``<cell>/round-<n>`` in the order in which they ran."""
    metrics: dict[str, Metric]
    cells: list[Cell]
    comparisons: list[Comparison]
    command: str = ""
    """The command line that asked for it; empty: ``kubedyno matrix`` with what is above."""


@dataclass(frozen=True, slots=True)
class CodecRow:
    """One microbenchmark of a codec."""

    codec: str
    level: str
    """``wire``: bytes <-> plain dict; ``typed``: bytes <-> message. For protobuf both are the
    message's own parse and serialize: it has no plain form."""
    direction: str
    """``encode`` or ``decode``."""
    shape: str
    """``small pod``, ``running pod``, ``node``, ``list of 500``."""
    mean_us: float
    stdev_us: float
    encoded_bytes: int
    """Length of the encoded form."""


@dataclass(frozen=True, slots=True)
class CodecResults:
    """``codecs.json``: the codec table."""

    started: str
    environment: Environment
    rows: list[CodecRow]
    schema_version: int = SCHEMA_VERSION
    fast: bool = False
    """Measured with few repetitions: good for a look, not for a claim."""
    notes: list[str] = field(default_factory=list)
