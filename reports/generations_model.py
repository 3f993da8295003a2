"""``generations.json`` as the report reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reports.model import Environment
from reports.reading import read_versioned

GENERATIONS_FILE: Final = "generations.json"


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean over rounds with its 95 % interval; null bounds for a single round."""

    mean: float
    low: float | None = None
    high: float | None = None
    rounds: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One measure in one family; a ratio above 1 is as claimed."""

    row: str
    measure: str
    title: str
    unit: str
    family: str
    claim: str
    source: str
    words: str
    verdict: str
    older: Spread | None = None
    newer: Spread | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    rounds: int = 0
    size: float | None = None
    size_verdict: str = ""
    exact: bool = False
    rounds_needed: int | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    """One value of one subject over the rounds."""

    name: str
    subject: str
    interval: Spread


@dataclass(frozen=True, slots=True)
class Reading:
    """One station with one subject in one round; its values are in the details."""

    station: str
    subject: str
    round: int
    notes: list[str] = field(default_factory=list)
    client_cores: float = 0.0
    others_cores: float = 0.0
    took_s: float = 0.0
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the rounds were."""

    value_bytes: int = 0
    stalled_events: int = 0
    watchers: list[int] = field(default_factory=list)
    fan_writes_per_s: float = 0.0
    objects: int = 0
    snapshot_writes: int = 0
    snapshot_writes_per_s: float = 0.0
    lists: int = 1
    lag_spans: int = 1
    snapshot_spans: int = 1
    restarts: int = 1
    raw_turns: int = 1
    probes: int = 0
    held_keys: int = 0
    raw_callers: int = 0
    nodes: int = 0
    pods: int = 0


@dataclass(frozen=True, slots=True)
class Generations:
    """The whole file."""

    run_id: str
    started: str
    duration_s: float
    environment: Environment
    command: str
    etcd_version: str
    rounds: int
    seed: int
    readings: list[Reading]
    lines: list[Line]
    details: list[Detail] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    sizes: Sizes = field(default_factory=Sizes)
    quick: bool = False
    complete: bool = True

    @classmethod
    def read(cls, directory: Path) -> Generations:
        """Read a results directory. Raises ReportError."""
        return read_versioned(directory / GENERATIONS_FILE, cls)

    @property
    def rows(self) -> list[str]:
        """Return the letters of its rows."""
        return list(dict.fromkeys(line.row for line in self.lines))

    def detail(self, name: str, subject: str) -> Spread | None:
        """Return a value of a subject; None where it was not measured."""
        found = (each for each in self.details if (each.name, each.subject) == (name, subject))
        return next((each.interval for each in found), None)
