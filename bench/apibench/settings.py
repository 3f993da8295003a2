"""What the generator is told, and what it answers: JSON files between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from bench.load.settings import Server

OUTCOME_FILE: Final = "outcome.json"
SAMPLES_FILE: Final = "samples.bin"


@dataclass(frozen=True, slots=True)
class Task:
    """One cell, as the generator is told it."""

    server: Server
    namespace: str
    operation: str
    """A name in ``operations.registry``."""
    codec: str
    """A name in ``CODECS``: the media type on the wire."""
    connections: int
    directory: str
    """Where ``outcome.json`` goes."""
    duration_s: float = 5.0
    warmup_s: float = 0.5
    count: int = 0
    """Above 0: this many operations, and neither warm-up nor duration."""
    rate: float = 0.0
    """Operations a second, open loop; 0: each connection sends when it has its answer."""
    pods: int = 0
    """How many pods the operation works on; 0: its own choice; below 0: those
    that are there."""
    nodes: int = 0
    """Above 0: those pods are on as many nodes, one after the other."""
    samples: bool = False
    """Write when each request was sent and how long it took: ``samples.bin``, pairs of int64."""
    distinct: bool = False
    """Every pod's spec is like no other's, instead of one for all."""
    series: str = "a"
    """Sets this cell's names apart from others' in the same namespace."""
    pids: dict[str, list[int]] = field(default_factory=dict)
    """Whose CPU is to be read in the window, by name: ``server``, ``watchers``."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a cell. The window is what counts; warm-up and set-up are outside of it."""

    operations: int
    """Answers with 2xx in the window."""
    window_s: float
    begin_ns: int
    end_ns: int
    """The window's bounds, ``Clock.stamp_ns``."""
    cpu_s: dict[str, float]
    """By name: of ``Task.pids``, and of the ``generator`` itself."""
    histogram: str
    """HDR, base64, in microseconds: from writing the request to having its whole answer; with a
    rate, from when it was due."""
    requests: dict[str, int]
    """Everything that was answered, set-up and warm-up included, by ``<verb> <resource>``."""
    failures: dict[str, int]
    """What went wrong, at any time, by HTTP code or by what the connection said."""
    first_failure: str = ""
    received_bytes: int = 0
    """Bodies of the answers in the window."""
    late_ms_max: float = 0.0
    """How far the generator was behind its own schedule, with a rate."""
    sequences: dict[str, int] = field(default_factory=dict)
    """By pod: how often it was written, for those who check watches."""
    short: bool = False
    """What the operation works on had run out before the window ended."""
