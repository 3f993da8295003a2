"""Everything that a run left behind for the measurements to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.etcd_fault_results import EtcdFault
from bench.etcd_faults import Planted
from bench.plane_store import StoreFacts
from bench.pod_ways import PodWays
from bench.pulse import Beat, Freeze
from bench.recording import PodRecord
from bench.requests import Request
from bench.results import Config
from bench.sampling import Sample
from bench.scenarios.stage import Mark, OldRead, PhaseRecord
from bench.statistics_files import ProcessStatistics


@dataclass(frozen=True, slots=True)
class Observed:
    """One run, before it is measured."""

    config: Config
    origin_ns: int
    end_ns: int
    records: list[PodRecord]
    probes: Mapping[str, int]
    """uid → when its create was due."""
    reported: Mapping[str, int]
    """uid → when its kubelet handed the PUT of its status Running to its client."""
    requests: list[Request]
    phases: list[PhaseRecord]
    samples: list[Sample]
    first_audit_ns: int
    """0 where there was none."""
    statistics: Mapping[str, ProcessStatistics]
    sizes: Mapping[str, float]
    """Bytes per object, by what they are of."""
    wire: Mapping[str, int]
    hot: Mapping[str, list[str]]
    beats: Sequence[Beat] = ()
    """Of the pulse."""
    freezes: Sequence[Freeze] = ()
    """When the measuring process itself stood still."""
    gaps: Sequence[tuple[int, int]] = ()
    """From and until when pods were waited for and no event came."""
    ways: PodWays | None = None
    """Of all pods, from the history; None where none was kept."""

    churn: Mapping[str, int] = field(default_factory=dict)
    """Changes of the steady phase, by sort."""
    old_read: OldRead | None = None
    planted: Sequence[Planted] = ()
    """Faults in the members of the run's own etcd."""
    etcd_faults: Sequence[EtcdFault] = ()
    """The same, with what was noticed of them."""
    store: StoreFacts = field(default_factory=StoreFacts)
    """Tried after the steady phase, as of its begin."""

    def phase(self, name: str) -> tuple[Mark, Mark] | None:
        """Return the marks of a phase that was played to its end."""
        for phase in self.phases:
            if phase.name == name and phase.end is not None:
                return phase.begin, phase.end
        return None

    @property
    def filled(self) -> list[PodRecord]:
        """Return the pods of the fill: all that are no probes, and came before its end."""
        fill = self.phase("fill")
        end_ns = fill[1].stamp_ns if fill else self.end_ns
        return [
            record
            for record in self.records
            if record.added_ns <= end_ns and record.uid not in self.probes
        ]

    @property
    def last_running_ns(self) -> int:
        """Return when the last pod of the fill was seen running; 0 if none was."""
        return max((record.running_ns for record in self.filled), default=0)
