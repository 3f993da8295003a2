"""What a loading process is told, and what it answers: JSON files between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
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
    """Where the words stand that say when to go on (``word_file``)."""
    prefix: str
    """Of all keys."""
    clients: int
    """How many callers of this process wait for their own answers; 0: it only watches."""
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
    """How many watches over all keys this process has."""
    ordered: bool = False
    """Watches are held against the order of this process's writes."""
    idle_watches: int = 0
    """How many watches where nothing happens it opens; then it does nothing else."""
    streams: int = 1
    """Over which they are spread."""
    connections: int = 0
    polls: bool = False
    quorum: bool = False
    """As ``drivers.interface.Spot`` says, all three."""
    seed: int = 0


def word_file(go_file: str, number: int) -> Path:
    """Return where the word of a number appears, when all processes are ready for it."""
    return Path(f"{go_file}.{number}")


@dataclass(frozen=True, slots=True)
class Go:
    """A word: when to go on, ``Clock.stamp_ns``."""

    begin_ns: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. The window is what counts; warm-up and set-up are outside of it."""

    operations: int
    """Answers in the window."""
    window_s: float
    cpu_s: float
    """Of this process, in the window."""
    histogram: str
    """HDR, base64, in microseconds: from the call to the answer; with a rate, from when it was
    due, of all that was due in the window, whenever it was answered."""
    failures: dict[str, int]
    """What went wrong, at any time."""
    counters: dict[str, float] = field(default_factory=dict)
    """Of a store in this process, in the window: ``syncs``, ``writes``."""
    due: int = 0
    """With a rate: how many operations were due in the window."""
    undone: int = 0
    """How many of them were still not answered some time after it: they are in no latency."""
    late_ms_max: float = 0.0
    """With a rate: how far the sending was behind its own schedule."""
    writes: int = 0
    """Writes that were answered in the window."""
    writes_total: int = 0
    """All that were answered, those that made the keys included."""
    revisions: int = 0
    """By how much the store's revision grew meanwhile."""
    heard: int = 0
    """Events that watches told of in the window."""
    heard_total: int = 0
    """All that they told of since the load began."""
    heard_orders: dict[str, int] = field(default_factory=dict)
    """Which events, in which order, since the load began: a digest, and how many watches."""
    written_order: str = ""
    """The same of the writes of the load, as the store's revisions order them; empty: not told."""
    heard_histogram: str = ""
    """As ``histogram``: from when each write was due to when its event was heard, of all that were
    due in the window."""
    told: dict[str, float] = field(default_factory=dict)
    """What else was measured, by name with its unit last."""
