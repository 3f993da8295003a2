"""One run as its results directory tells it: ``results.json`` and the samples beside it.

The shapes mirror what ``bench`` writes, with one difference: here everything but the run's
configuration may be missing. What is missing is None or empty, and is shown as not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reports.attribution_model import Attribution
from reports.errors import ReportError
from reports.etcd_fault_model import EtcdFault
from reports.history_model import History
from reports.latency import ApiLatency, Latency
from reports.load_model import Load
from reports.reading import read_versioned
from reports.realism_model import Realism
from reports.samples import PodSample, ProcessSample, read_pods, read_processes
from reports.steady_model import Steady
from reports.store_model import StoreUse
from reports.waterfall_model import Waterfall
from reports.wording import family

RESULTS_FILE: Final = "results.json"
SERVER: Final = "apiserver"
PROCESS_ORDER: Final = ("etcd", SERVER, "control", "nodes", "measuring")
"""The order of the processes in every figure and table, by family; others follow by name."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run is worth: ``valid``, ``degraded``, ``void``, or empty where nobody judged it."""

    status: str = ""
    reasons: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Environment:
    """The machine and the software; empty or 0 where not recorded."""

    cpu: str = ""
    cores: int = 0
    memory_mib: int = 0
    kernel: str = ""
    python: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    git_revision: str = ""
    load_average: float | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """What was asked for. Empty or None: not recorded."""

    codec: str
    store: str
    nodes: int
    pods: int
    scenario: str = ""
    etcd_faults: str = ""
    storage_codec: str = ""
    watch_write: str = ""
    switches: dict[str, str] = field(default_factory=dict)
    behaviour: dict[str, str] = field(default_factory=dict)
    """What hollow containers were told to do; values are empty where nothing was said."""
    rate: float | None = None
    probes: int | None = None
    probe_interval_ms: float | None = None
    steady_s: float | None = None
    churn_per_s: float | None = None
    compact_every_s: float | None = None
    heartbeat_s: float | None = None
    seed: int | None = None
    apiservers: int = 1
    profile: bool = False


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """A service level: what was asked, what was measured, whether it is met."""

    target: float
    measured: float | None = None
    met: bool = False
    unit: str = "ms"


@dataclass(frozen=True, slots=True)
class PodStartup:
    """Latencies of pod start-up, by transition; ``pod_startup`` is of the probes alone."""

    create_to_schedule: Latency = field(default_factory=Latency)
    schedule_to_run: Latency = field(default_factory=Latency)
    run_to_watch: Latency = field(default_factory=Latency)
    schedule_to_watch: Latency = field(default_factory=Latency)
    pod_startup: Latency = field(default_factory=Latency)
    watched_startup: Latency = field(default_factory=Latency)


@dataclass(frozen=True, slots=True)
class Throughput:
    """Rates a second."""

    pods_per_s: float | None = None
    writes_per_s: float | None = None
    watch_events_per_s: float | None = None
    deletes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What a process used: CPU seconds of the whole run and of its fill, peaks of memory."""

    cpu_s: float | None = None
    anon_max_mib: float | None = None
    file_max_mib: float | None = None
    cpu_fill_s: float | None = None
    gc_max_ms: float | None = None
    lag_p99_ms: float | None = None
    lag_max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes on the wire by source, and at rest per object."""

    wire: dict[str, float] = field(default_factory=dict)
    per_object: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the run, in seconds since its origin (the first intended create)."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything that was measured."""

    pod_startup: PodStartup = field(default_factory=PodStartup)
    api_latency: list[ApiLatency] = field(default_factory=list)
    throughput: Throughput = field(default_factory=Throughput)
    processes: dict[str, ProcessUse] = field(default_factory=dict)
    bytes: Bytes = field(default_factory=Bytes)
    layers: Attribution = field(default_factory=Attribution)
    lateness: Latency = field(default_factory=Latency)
    counters: dict[str, dict[str, float]] = field(default_factory=dict)
    hot: dict[str, list[str]] = field(default_factory=dict)
    load: Load = field(default_factory=Load)
    steady: Steady | None = None
    realism: Realism = field(default_factory=Realism)
    waterfall: Waterfall = field(default_factory=Waterfall)
    store: StoreUse = field(default_factory=StoreUse)
    etcd_faults: list[EtcdFault] = field(default_factory=list)

    @property
    def server(self) -> ProcessUse | None:
        """Return what the API server used, or all of them together; None where none is there."""
        return added([use for name, use in self.processes.items() if family(name) == SERVER])


@dataclass(frozen=True, slots=True)
class Results:
    """``results.json``."""

    schema_version: int
    config: Config
    run_id: str = ""
    started: str = ""
    duration_s: float | None = None
    environment: Environment = field(default_factory=Environment)
    verdict: Verdict = field(default_factory=Verdict)
    slo: dict[str, ServiceLevel] = field(default_factory=dict)
    phases: list[Phase] = field(default_factory=list)
    measurements: Measurements = field(default_factory=Measurements)
    history: History | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run: its results, and its samples (empty where none were kept)."""

    directory: Path
    results: Results
    pods: list[PodSample] = field(default_factory=list)
    processes: list[ProcessSample] = field(default_factory=list)

    @classmethod
    def read(cls, directory: Path) -> Run:
        """Read a results directory. Raises ReportError."""
        path = directory / RESULTS_FILE
        results = read_versioned(path, Results)
        if min(results.config.nodes, results.config.pods) < 0:
            raise ReportError(f"{path}: config.nodes or config.pods is below 0")
        samples = directory / "samples"
        return cls(
            directory=directory,
            results=results,
            pods=read_pods(samples / "pods.csv"),
            processes=read_processes(samples / "processes.csv"),
        )

    @property
    def pods_started(self) -> int:
        """Return how many pods were seen to run; 0 where that was not counted."""
        return self.results.measurements.pod_startup.watched_startup.count or sum(
            pod.running_ms is not None for pod in self.pods
        )

    @property
    def server_cpu_ms_per_pod(self) -> float | None:
        """Return the API server's CPU in the fill, over the pods of the fill; None: not measured.

        The probes come after the fill, so the fill's pods are those that the scenario asked for.
        """
        use = self.results.measurements.server
        pods = self.results.config.pods
        if use is None or use.cpu_fill_s is None or not pods:
            return None
        return use.cpu_fill_s * 1000 / pods


def process_order(names: Iterable[str]) -> list[str]:
    """Return process names in the order of every figure and table."""

    def place(name: str) -> tuple[int, int, str]:
        sort = family(name)
        if sort not in PROCESS_ORDER:
            return len(PROCESS_ORDER), 0, name
        return PROCESS_ORDER.index(sort), len(name), name  # etcd-2 comes before etcd-10

    return sorted(set(names), key=place)


def added(uses: Sequence[ProcessUse]) -> ProcessUse | None:
    """Return what several processes used together; their pauses and lags are the longest's."""
    if len(uses) < 2:
        return uses[0] if uses else None
    return ProcessUse(
        cpu_s=_over(sum, [use.cpu_s for use in uses]),
        anon_max_mib=_over(sum, [use.anon_max_mib for use in uses]),
        file_max_mib=_over(sum, [use.file_max_mib for use in uses]),
        cpu_fill_s=_over(sum, [use.cpu_fill_s for use in uses]),
        gc_max_ms=_over(max, [use.gc_max_ms for use in uses]),
        lag_p99_ms=_over(max, [use.lag_p99_ms for use in uses]),
        lag_max_ms=_over(max, [use.lag_max_ms for use in uses]),
    )


def _over(join: Callable[[list[float]], float], values: list[float | None]) -> float | None:
    """Join values; of what one of them lacks nothing is known."""
    told = [value for value in values if value is not None]
    return join(told) if len(told) == len(values) else None
