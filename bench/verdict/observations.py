"""What the rules of the verdict judge, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.etcd_fault_results import EtcdFault
from bench.history.report import HistoryReport
from bench.load_results import Load
from bench.results import Status
from bench.steady_results import Steady


@dataclass(frozen=True, slots=True)
class Observations:
    """What the rules judge."""

    pods_expected: int
    pods_running: int
    pods_left: int
    """Still there after the delete phase."""
    completed: bool = True
    """False when the run was interrupted."""
    failure: str = ""
    """What the scenario failed with."""
    audit: list[str] = field(default_factory=list)
    """Where the auditor disagreed; a sentence each."""
    audits_made: int = 2
    audits_expected: int = 2
    late_p99_ms: float | None = None
    requests: int = 0
    request_errors: int = 0
    died: list[str] = field(default_factory=list)
    """Processes that ended before they were asked to, with their exit code."""
    watch_resumed: int = 0
    """Times that the watch was torn and went on from its last revision: nothing was lost."""
    watch_relisted: int = 0
    """Times that it could not go on: events were lost, their stamps with them."""
    heartbeat_s: float = 0.0
    """Between two heartbeats of a node; 0: there are none."""
    counters: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By process: the counters of its ``--stats`` at the end; a rule passes over what lacks."""
    servers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """The API servers' counters one by one; ``counters`` has them added up as ``apiserver``'s."""
    profiled: bool = False
    nodes: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the cell, by name; each is to be borne out by the counters."""
    load: Load = field(default_factory=Load)
    """What was sent when it was due, who used the machine, what stood still."""
    steady: Steady | None = None
    etcd_faults_asked: int = 0
    etcd_faults: Sequence[EtcdFault] = ()
    """Those that were planted into the members of the run's own etcd."""
    history: HistoryReport | None = None
    """What the history checker found; None where no history was kept."""


class Finding(NamedTuple):
    """A rule that fired."""

    status: Status
    reason: str


Rule = Callable[[Observations], Iterator[Finding]]
