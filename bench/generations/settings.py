"""How large a round is, and what is told to the process that measures one station of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

ROWS: Final = "abcdefgh"
"""Every row by its letter; what each is about stands in ``measures``."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of everything; the defaults are those of the page, ``QUICK`` is for a look."""

    value_bytes: int = 1144
    """Of an object: a running pod in protobuf."""
    feed_s: float = 0.8
    """How long a rate of writes is held."""
    feed_per_s_max: int = 64_000
    """The rate at which the ladder ends: more than any of the servers takes."""
    lag_s: float = 0.8
    lag_spans: int = 3
    """How long, and how often, 500 events a second are held for their delays."""
    stalled_events: int = 8_000
    """Events that are written while a watcher hangs."""
    watchers: tuple[int, ...] = (1, 100, 1000)
    fan_writes_per_s: float = 10.0
    fan_s: float = 1.2
    settle_s: float = 0.6
    """Before memory is read."""
    objects: int = 60_000
    lists: int = 5
    """How often everything is listed."""
    snapshot_writes: int = 30_000
    snapshot_spans: int = 3
    """In each, a snapshot of the whole store is taken: etcd 2 took one every 10,000 writes."""
    snapshot_writes_per_s: float = 4_000.0
    restarts: int = 3
    held_keys: int = 1000
    held_ttl_s: int = 30
    """Far longer than writing all of them takes; what is left of it shows who kept them."""
    held_periods: int = 4
    encoded_objects: int = 200
    raw_s: float = 0.8
    raw_turns: int = 3
    """How often writes and both sorts of reads take turns, each for ``raw_s``."""
    raw_callers: int = 64
    nodes: int = 1000
    pods: int = 5000
    probes: int = 200
    """Pods that are created one by one, for their start-up."""
    probe_interval_ms: float = 40.0


QUICK: Final = Sizes(
    feed_s=0.3,
    feed_per_s_max=500,
    lag_s=0.2,
    lag_spans=2,
    stalled_events=1_200,
    watchers=(1, 100),
    fan_writes_per_s=50.0,
    fan_s=0.3,
    settle_s=0.1,
    objects=300,
    lists=2,
    snapshot_writes=200,
    snapshot_spans=2,
    snapshot_writes_per_s=1_000.0,
    restarts=2,
    held_keys=20,
    held_periods=2,
    encoded_objects=20,
    raw_s=0.1,
    raw_turns=2,
    raw_callers=8,
    nodes=5,
    pods=20,
    probes=20,
    probe_interval_ms=40.0,
)


@dataclass(frozen=True, slots=True)
class Task:
    """A station with one subject, for the process that measures it."""

    station: str
    subject: str
    rows: str
    """Letters: a station may serve several rows."""
    round: int
    seed: int
    sizes: Sizes
    directory: str
    """For the server's data and log, and for ``found.json``."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a station read off."""

    values: dict[str, float] = field(default_factory=dict)
    """``a_stream_per_s``: the row, what, the unit last."""
    notes: list[str] = field(default_factory=list)
    """What to know beside them, a line each."""
    client_cpu_s: float = 0.0
    """Of the process that loaded and measured."""
    others_cores: float = 0.0
    """What processes that have nothing to do with it used of the machine meanwhile."""
    took_s: float = 0.0
