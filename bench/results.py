"""``results.json``: the shape of one run's results, written by ``bench``, read by ``reports``.

A results directory holds:

- ``results.json``: this file's ``Results``. Absent numbers are null, never 0 or NaN.
- ``samples/pods.csv``: a row a pod; columns ``POD_COLUMNS``. Empty where it did not come to that.
- ``samples/processes.csv``: a row a second and process; columns ``PROCESS_COLUMNS``.
- ``samples/requests.csv``: a row a request of the measuring process; columns ``REQUEST_COLUMNS``.
- ``samples/waterfall.csv``: a row a pod with the milestones of its way (``bench.pod_ways``); not
  there where no history was kept.
- ``samples/histograms.json``: {name: base64 of an HDR histogram in microseconds}; histograms of the
  same name can be added up over rounds, percentiles cannot.
- ``recording/*.json`` and ``audit/*.json``: what was seen on the watch, what the auditor said.
- ``logs/<process>.log``, ``stats/<process>.json``, ``stamps/nodes.csv`` (as the nodes process wrote
  it: nanoseconds of the machine's monotonic clock); with ``--profile`` also ``profiles/``.
- ``report.html`` and ``figures/``, drawn by ``reports``.

Times in the samples are milliseconds since the run's origin: the first intended create.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from bench.etcd_fault_results import EtcdFault
from bench.history.report import HistoryReport
from bench.latency import ApiLatency, Latency
from bench.layer_results import Attribution
from bench.load_results import Load
from bench.realism_results import Realism
from bench.steadiness import CHURN_PER_S, usual_compact_every_s, usual_steady_s
from bench.steady_results import Steady
from bench.store_choice import compacts, store_word
from bench.store_results import StoreUse
from bench.switches import RUNNING, USUAL, PodBehaviour, Switches, departures, settings
from bench.waterfall_results import Waterfall

SCHEMA_VERSION: Final = 1
"""1: the first. Raise it when a key changes its meaning or goes; not when one is added."""

RESULTS_FILE: Final = "results.json"
SAMPLES: Final = "samples"
POD_COLUMNS: Final = (
    "source",  # "rc": made by a replication controller; "probe": made by the measuring process
    "namespace",
    "name",
    "uid",
    "node",
    "intended_ms",  # when its create was due (probes only)
    "added_ms",  # its first event was received on the watch
    "bound_ms",  # the first event with spec.nodeName was received
    "reported_ms",  # its kubelet handed the PUT of status Running to its client
    "running_ms",  # the first event with status.phase Running was received
    "deleted_ms",  # its DELETED event was received
    "resource_version",  # the last one seen
)
PROCESS_COLUMNS: Final = ("t_ms", "process", "cpu_s", "anon_mib", "file_mib")
"""``cpu_s`` is cumulative, user and system; memory is RssAnon and RssFile."""
REQUEST_COLUMNS: Final = ("t_ms", "verb", "resource", "scope", "code", "latency_ms", "late_ms")
"""``t_ms``: when it was due; latency counts from there; ``late_ms``: how late it was sent."""

T = TypeVar("T")


class UnreadableResultsError(Exception):
    """A results file that is missing, torn, or of another schema version."""


class Status(StrEnum):
    """What a run is worth."""

    VALID = "valid"
    DEGRADED = "degraded"
    """Its numbers stand, with the reservations that the reasons name."""
    VOID = "void"
    """Its numbers say nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status of a run and the sentences that led to it (none when valid)."""

    status: Status = Status.VALID
    reasons: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    """The rule that gave each reason, in the same order."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The machine and the software that the numbers come from."""

    cpu: str
    cores: int
    memory_mib: int
    kernel: str
    python: str
    versions: dict[str, str]
    """Of the libraries that matter: protobuf, orjson, msgspec, lmdb, uvicorn, ..."""
    git_revision: str
    """Empty outside a checkout; ends in ``-dirty`` where files were changed."""
    load_average: float
    """Over one minute, when the run began: other work on the machine shows here."""


@dataclass(frozen=True, slots=True)
class Config:
    """What was asked for: a cell of a matrix, and the load on it."""

    scenario: str = "density"
    nodes: int = 100
    pods: int = 1000
    codec: str = "protobuf"
    storage_codec: str = ""
    """Never empty in results: the codec's own name where nothing else was asked."""
    store: str = "etcd3"
    """A name in ``STORES``, ``etcd3-real[N]`` or ``etcd2-real[N]`` (``bench.store_choice``), or a
    URL, without password."""
    apiservers: int = 1
    """API servers on that store; more than one: an embedded store is served by its own process."""
    keep_store: bool = False
    """Leave in a store of others what the run wrote there."""
    data_dir: str = ""
    """Empty: a fresh directory below the results, removed after the run."""
    watch_write: str = "transport"
    switches: Switches = USUAL
    behaviour: PodBehaviour = RUNNING
    rate: float = 0.0
    """Replication controllers a second, open loop; 0: all at once."""
    probes: int = 25
    """Pods that the measuring process creates one by one in the steady phase."""
    probe_interval_ms: float = 200.0
    steady_s: float = 0.0
    """How long the cluster stays full with churn; 0: for the probes alone."""
    churn_per_s: float = CHURN_PER_S
    """Changes of pods a second in such a steady phase: of the controllers' and of probes."""
    compact_every_s: float = 0.0
    """How often the API server compacts its store; 0: as usual."""
    heartbeat_s: float = 10.0
    seed: int = 0
    profile: bool = False
    listen: str = ""
    """Where the API server serves; empty: at any free port of 127.0.0.1."""
    kubeconfig: str = ""
    """Where to write a kubeconfig for looking on; empty: nowhere."""
    etcd_faults: str = ""
    """Faults for the members of a real etcd of the run's own, in turn, with commas between."""
    fault: str = ""
    """For tests of the auditor: ``forget-pod``, ``forge-revision`` falsify the recording."""

    @property
    def settings(self) -> dict[str, str]:
        """Return every setting whose effect the processes count, by name."""
        named = {
            "codec": self.codec,
            "watch_write": self.watch_write,
            "apiservers": str(self.apiservers),
        }
        return named | settings(self.switches) | settings(self.behaviour)

    @property
    def cell(self) -> str:
        """Return the name of its cell: ``protobuf-etcd3``, and every departure from the usual."""
        parts = [self.codec, store_word(self.store), *self.departures]
        return "-".join(parts).replace("/", "_").replace(",", "+")

    @property
    def departures(self) -> list[str]:
        """Return what is not as usual, beside codec and store."""
        parts = []
        if self.apiservers != 1:
            parts.append(f"apiservers-{self.apiservers}")
        if self.etcd_faults:
            parts.append(self.etcd_faults.replace(",", "-"))
        if self.storage_codec not in ("", self.codec):
            parts.append(f"stored-{self.storage_codec}")
        if self.watch_write != "transport":
            parts.append(f"watch-{self.watch_write}")
        if self.heartbeat_s != 10.0:
            parts.append(f"heartbeat-{self.heartbeat_s:g}s")
        if self.steady_s != usual_steady_s(self.nodes, self.pods):
            parts.append(f"steady-{self.steady_s:g}s")
        if self.steady_s and self.churn_per_s != CHURN_PER_S:
            parts.append(f"churn-{self.churn_per_s:g}")
        usual = usual_compact_every_s(self.steady_s)
        if compacts(self.store) and self.compact_every_s != usual:
            parts.append(f"compact-{self.compact_every_s:g}s")
        return parts + departures(self.switches, self.behaviour)


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """A service level: what was asked, what was measured, whether it is met."""

    target: float
    measured: float | None
    met: bool
    unit: str = "ms"


@dataclass(frozen=True, slots=True)
class PodStartup:
    """Start-up of pods, as seen on the watch of the measuring process.

    The transitions are of all pods (``create_to_schedule`` begins with the pod's first event, since
    its create is another process's). The kubelet's stamps are of its own process, on the clock that
    all processes of the machine share; what needs one counts only the pods that have one.
    ``pod_startup`` is of the probes alone: from the *intended* create by the measuring process to
    the receipt of Running.
    """

    create_to_schedule: Latency
    """From the first event to the first one with a node, received."""
    schedule_to_run: Latency
    """From the receipt of the binding to the moment at which the kubelet sent that the pod runs.
    The kubelet has a watch of its own: where it had reported before the measuring process heard of
    the binding, the time is below zero and counts as the shortest there is."""
    run_to_watch: Latency
    """From the moment at which the kubelet sent that the pod runs to the receipt of Running."""
    schedule_to_watch: Latency
    """From the receipt of the binding to that of Running: both of the two before."""
    pod_startup: Latency
    watched_startup: Latency
    """All pods: from the first event to Running, received."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Rates. The fill begins with the first intended create and ends with the last Running."""

    pods_per_s: float | None
    """Pods whose Running was received on the watch, over (last receipt - first intended create)."""
    writes_per_s: float | None
    """Revisions that the store gave out in the fill, over the fill."""
    watch_events_per_s: float | None
    """Watch events that the API server sent to all its watchers in the fill, over the fill."""
    deletes_per_s: float | None
    """Pods whose DELETED was received, over the delete phase."""


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What a process used from the origin to the end of the delete phase, the audits left out."""

    cpu_s: float
    anon_max_mib: float
    """Peaks are of samples a second apart, up to the first audit (whose lists leave their encoded
    bytes in the API server's cache)."""
    file_max_mib: float
    cpu_fill_s: float
    """The part of ``cpu_s`` between the first intended create and the last Running."""
    gc_max_ms: float | None = None
    """Longest pause of the collector, and the loop's lag, as the process itself reports."""
    lag_p99_ms: float | None = None
    lag_max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes on the wire and at rest; whatever could be counted."""

    wire: dict[str, int] = field(default_factory=dict)
    """By source: ``measuring.sent``, ``measuring.received``, ``nodes.received``, ..."""
    per_object: dict[str, float] = field(default_factory=dict)
    """``pod.<codec>``: a pod when first seen running, bare, in the cell's codec; ``store.logical``
    and ``store.disk``: what the store holds at the end of the fill, live keys and values, and on
    the disk with all that is still kept of the past, over its live keys (of every kind)."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the run; times in seconds since the origin."""

    name: str
    """``fill``, ``steady``, ``delete``."""
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything that was measured."""

    pod_startup: PodStartup
    api_latency: list[ApiLatency]
    throughput: Throughput
    processes: dict[str, ProcessUse]
    """``apiserver`` (or ``apiserver-1`` and so on), ``control``, ``nodes``, ``measuring``; ``etcd``
    (or ``etcd-1`` and so on) where the store has processes of its own."""
    bytes: Bytes
    layers: Attribution = field(default_factory=Attribution)
    """CPU by process and layer, and what is in no layer."""
    lateness: Latency = field(default_factory=Latency)
    """How late the measuring process sent what was due at a fixed moment: its honesty."""
    counters: dict[str, dict[str, float]] = field(default_factory=dict)
    """By process: the counters of its ``--stats`` at the end."""
    hot: dict[str, list[str]] = field(default_factory=dict)
    """By process, with ``--profile``: its five most expensive functions, with their share."""
    load: Load = field(default_factory=Load)
    """What was sent when it was due, and on what a machine: what the other numbers rest on."""
    steady: Steady | None = None
    """The steady phase alone; null where it did not end."""
    realism: Realism = field(default_factory=Realism)
    """Requests a second by source, beside what a real cluster of this size sends."""
    waterfall: Waterfall = field(default_factory=Waterfall)
    """Where the time of pods' starts goes, from the history."""
    etcd_faults: list[EtcdFault] = field(default_factory=list)
    """Planted into the members of the run's own etcd, and what was noticed of them."""
    store: StoreUse = field(default_factory=StoreUse)
    """What the API servers stored in, and what the fill cost it."""


@dataclass(frozen=True, slots=True)
class Results:
    """One run."""

    schema_version: int
    run_id: str
    started: str
    """ISO 8601, UTC."""
    duration_s: float
    environment: Environment
    config: Config
    verdict: Verdict
    slo: dict[str, ServiceLevel]
    """``pod_startup_p99``, ``mutating_p99``, ``resource_read_p99``, ``cluster_list_p99``."""
    phases: list[Phase]
    measurements: Measurements
    history: HistoryReport | None = None
    """What the history checker found; None where no history was kept."""

    def write(self, directory: Path) -> Path:
        """Write ``results.json``, whole or not at all; return its path."""
        return write_json(directory / RESULTS_FILE, self)

    @classmethod
    def read(cls, directory: Path) -> Results:
        """Read a results directory. Raises UnreadableResultsError."""
        results = read_json(directory / RESULTS_FILE, cls)
        if results.schema_version != SCHEMA_VERSION:
            raise UnreadableResultsError(
                f"{directory}: schema version {results.schema_version}, not {SCHEMA_VERSION}"
            )
        return results


def write_json(path: Path, value: object) -> Path:
    """Write a value of dataclasses as indented JSON, whole or not at all; return the path."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")
    part.replace(path)
    return path


def read_json(path: Path, kind: type[T]) -> T:
    """Read what ``write_json`` wrote. Raises UnreadableResultsError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise UnreadableResultsError(f"{path}: {error}") from error
