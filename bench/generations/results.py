"""``generations.json``: a reading a station, subject and round, and what the rounds come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bench.generations.settings import Sizes
from bench.matrix_results import Interval
from bench.results import Environment

SCHEMA_VERSION: Final = 1
GENERATIONS_FILE: Final = "generations.json"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one station read off one subject in one round."""

    station: str
    subject: str
    round: int
    """From 1."""
    rows: str
    values: dict[str, float] = field(default_factory=dict)
    """``a_stream_per_s``: the row, what, the unit last."""
    notes: list[str] = field(default_factory=list)
    client_cores: float = 0.0
    """CPU of the process that loaded and measured, over its whole time."""
    others_cores: float = 0.0
    """What processes that have nothing to do with it used of the machine meanwhile."""
    took_s: float = 0.0
    failed: str = ""
    """Why there are no values; empty: they stand."""


class Verdict(StrEnum):
    """What a comparison says of a claim."""

    AS_CLAIMED = "as claimed"
    OPPOSITE = "opposite"
    NO_DIFFERENCE = "no difference"
    UNDECIDED = "undecided"


class Size(StrEnum):
    """How a difference that is as claimed compares with the size that was claimed."""

    UNCLAIMED = ""
    REACHED = "the size, too"
    SMALLER = "but by less"
    WITHIN = "the claimed size lies within the interval"


@dataclass(frozen=True, slots=True)
class Line:
    """One measure in one family: the older generation against the newer one."""

    row: str
    measure: str
    """Its key in ``measures``."""
    title: str
    unit: str
    family: str
    """``ours`` or ``real``."""
    claim: str
    source: str
    older: Interval | None
    """Of etcd 2; null: not measured."""
    newer: Interval | None
    """Of etcd 3; null: not measured, or the claim is about etcd 2 alone."""
    words: str
    """What the ratio is of: ``etcd 2 / etcd 3``."""
    ratio: float | None
    """Above 1: as claimed. The geometric mean of the rounds' ratios; null: one of the two is 0, or
    not measured."""
    low: float | None
    high: float | None
    rounds: int
    size: float | None
    """The ratio that was claimed, where one was."""
    verdict: Verdict
    size_verdict: Size = Size.UNCLAIMED
    exact: bool = False
    """A count that does not vary: one round decides."""
    rounds_needed: int | None = None
    """Of what is undecided: about how many rounds would decide it; null: more than a hundred."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One value of one subject over the rounds."""

    name: str
    subject: str
    interval: Interval


@dataclass(frozen=True, slots=True)
class Generations:
    """The whole file."""

    schema_version: int
    run_id: str
    started: str
    """ISO 8601, UTC."""
    duration_s: float
    environment: Environment
    command: str
    etcd_version: str
    """Of the real one, for both generations; empty: it is not installed."""
    rows: str
    rounds: int
    seed: int
    sizes: Sizes
    quick: bool
    readings: list[Reading]
    complete: bool = False
    """False while it goes on, and where it was interrupted."""
    lines: list[Line] = field(default_factory=list)
    details: list[Detail] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """What was asked for and could not be done, and why."""
