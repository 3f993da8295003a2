"""What a scenario plays on: the client, the recording, the clock, and marks between phases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from bench.machine import MachineTimes
from bench.pacing import Pacer
from bench.recording import PodRecorder
from bench.requests import RequestLog
from bench.results import Config
from bench.sampling import Usage
from cluster.client.interface import ApiClient
from storage.clock import Clock

STALL_S: Final = 30.0
"""A phase in which nothing comes for so long is over, and the run is void."""
STALL_S_A_POD: Final = 0.001
"""What is queued before a pod, or collected after it, grows with all of them: 60 s at 60,000."""


def stall_s_of(config: Config) -> float:
    """Return after how much silence a phase of a run of this size is over."""
    return max(STALL_S, STALL_S_A_POD * config.pods)


class Mark(NamedTuple):
    """The state of the plane at a moment."""

    stamp_ns: int
    usage: dict[str, Usage]
    revision: int
    """Of the store; 0 where it could not be read."""
    metrics: str
    """The API server's /metrics; empty where it could not be read."""
    counters: dict[str, dict[str, float]]
    """By process: its counters; a process that did not write them in time is not there."""
    machine: MachineTimes | None = None
    """What all processes of the machine have used; None where it does not tell."""


@dataclass(slots=True)
class PhaseRecord:
    """A phase and the marks at its ends; ``end`` is None while it goes on or if it failed."""

    name: str
    begin: Mark
    end: Mark | None = None


class OldRead(NamedTuple):
    """A read at a revision that compaction should have taken away."""

    revision: int
    code: int
    """Of the answer; 0 where there was none. 410: it is gone."""


class AuditLabel(NamedTuple):
    """When an audit is made, and what must be there then."""

    label: str
    running: bool
    """All pods of the recording run (else: there are none)."""


ProgressSink = Callable[[str, int, int], None]
"""Told the phase, how much of it is done, and out of how much."""


class Marker(Protocol):
    """Takes marks."""

    async def __call__(self, *, opening: bool) -> Mark:
        """Take the mark that opens or closes a phase.

        Stamp and usage are taken last when it opens and first when it closes, so that reading
        the rest is no part of the phase.
        """
        ...


@dataclass(slots=True)
class Stage:
    """Everything that a scenario may use; made by the measuring process, one a run."""

    config: Config
    client: ApiClient
    clock: Clock
    pods: PodRecorder
    requests: RequestLog
    pacer: Pacer
    mark: Marker
    audit: Callable[[AuditLabel], Awaitable[None]]
    """Has the auditor compare; what it costs is left out of the measurements."""
    progress: ProgressSink
    read_at: Callable[[int], Awaitable[int]]
    """Reads the state at a revision; returns the answer's code, 0 where there was none."""
    phases: list[PhaseRecord] = field(default_factory=list)
    origin_ns: int = 0
    """The first intended create; 0 before."""
    probes: dict[str, int] = field(default_factory=dict)
    """uid of a probe → when its create was due."""
    standing: dict[str, str] = field(default_factory=dict)
    """uid → name of the probes that nobody has deleted, oldest first."""
    due: int = 0
    """How many pods must have been seen running by now, gone ones too."""
    to_go: int = 0
    """How many pods the churn has had deleted."""
    churn: dict[str, int] = field(default_factory=dict)
    """Changes of the churn, by sort."""
    old_read: OldRead | None = None
    controllers: dict[str, tuple[str, str]] = field(default_factory=dict)
    """uid of a living controller → namespace and name."""
    namespaces: dict[str, str] = field(default_factory=dict)
    """uid → name."""
    stall_s: float = STALL_S

    @asynccontextmanager
    async def phase(self, name: str) -> AsyncIterator[PhaseRecord]:
        """Mark the begin and, if it goes well, the end of a phase."""
        record = PhaseRecord(name, await self.mark(opening=True))
        self.phases.append(record)
        yield record
        record.end = await self.mark(opening=False)
