"""What a loading process is told, and what it answers: JSON files between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

OUTCOME_FILE: Final = "outcome.json"
GO_FILE: Final = "go.json"


@dataclass(frozen=True, slots=True)
class Task:
    """One process's share of a cell."""

    driver: str
    """A name in ``drivers.registry``."""
    store: str
    """The name of an engine, or a URL."""
    operation: str
    """A name in ``operations``."""
    directory: str
    """Of this process: ``outcome.json`` goes there, an engine's files below ``data``."""
    go_file: str
    """It appears when all processes are ready, and says when the load begins: ``Go``."""
    prefix: str
    """Of all keys."""
    clients: int
    """How many callers of this process wait for their own answers."""
    keys: list[int]
    """First number and step of this process's keys: no two processes write one key."""
    keys_total: int
    value_bytes: int
    duration_s: float
    warmup_s: float
    rate: float = 0.0
    """Operations a second of this process, open loop; 0: closed."""
    read_share: float = 0.8
    """Of a mixed load: how many of the operations are reads."""
    watchers: int = 0
    connections: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Go:
    """When the load begins, ``Clock.stamp_ns``."""

    begin_ns: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. The window is what counts; warm-up and set-up are outside of it."""

    operations: int
    """Answers in the window; of a watch: events heard."""
    window_s: float
    cpu_s: float
    """Of this process, in the window."""
    histogram: str
    """HDR, base64, in microseconds: from the call to the answer; with a rate, from when it was
    due; of a watch, from when the write was due to when its event was heard."""
    failures: dict[str, int]
    """What went wrong, at any time."""
    counters: dict[str, float] = field(default_factory=dict)
    """Of a store in this process, in the window: ``syncs``, ``writes``."""
    due: int = 0
    """With a rate: how many operations were due in the window."""
    late_ms_max: float = 0.0
    """With a rate: how far the sending was behind its own schedule."""
    writes: int = 0
    """Writes that were answered in the window."""
    told: dict[str, float] = field(default_factory=dict)
    """What else was measured, by name with its unit last."""
