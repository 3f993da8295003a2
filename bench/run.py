"""One run: a fresh plane, a scenario on it, what it left behind. This is the measuring process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bench.api_client import Connection, connect
from bench.apiservers import is_server, together
from bench.auditing import AuditNotMadeError, AuditReport, record, run_auditor
from bench.child import Child
from bench.declared import Declared
from bench.etcd_fault_effects import etcd_faults
from bench.etcd_faults import EtcdFaults
from bench.history.checking import check_history
from bench.history.report import HistoryReport
from bench.kubeconfig import write_kubeconfig
from bench.machine import read_machine
from bench.observed import Observed
from bench.pacing import Pacer
from bench.plane import Plane, PlaneOptions
from bench.pod_ways import read_ways
from bench.profiling import Profilers
from bench.pulse import Pulses
from bench.recording import PodRecorder
from bench.requests import RequestLog
from bench.results import Config
from bench.sampling import Sampler
from bench.scenarios.registry import SCENARIOS
from bench.scenarios.stage import AuditLabel, Mark, Stage, stall_s_of
from bench.stamps_file import read_stamps
from bench.statistics_files import ProcessStatistics, read_statistics
from bench.store_choice import is_part
from bench.verdict.observations import Observations
from cluster.client.history import HistoryWriter
from cluster.client.history_follower import Follower
from cluster.client.interface import EVERYTHING
from cluster.processes.layer_places import CLIENT
from cluster.processes.vitals import CollectorPauses, LoopLag
from serialization.kinds import PODS
from storage.attribution import OFF, Layers
from storage.clock import Clock

MEASURING: Final = "measuring"
SETTLE_S: Final = 2.0
"""After a scenario of which a history is kept: what was written last is seen by all meanwhile."""
Tell = Callable[[str, int, int], None]
"""Told a phase, how much is done, out of how much."""
Beside = Callable[[], Coroutine[None, None, None]]
"""Runs until it is cancelled."""


@dataclass(slots=True)
class Audits:
    """What the auditor said."""

    made: list[AuditReport] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def sentences(self) -> list[str]:
        """Return every disagreement, with the moment that it is of."""
        said = [f"{a.label}: {sentence}" for a in self.made for sentence in a.disagreements]
        return said + self.failures


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run gave: for the measurements, for the verdict, and what to tell about profiles."""

    observed: Observed
    observations: Observations
    profiles_refused: dict[str, str]


class Run:
    """A run; ``play`` it once, ``interrupt`` it at any time."""

    def __init__(
        self, options: PlaneOptions, clock: Clock, tell: Tell, *, stall_s: float | None = None
    ) -> None:
        self._options = options
        self._config: Config = options.config
        self._clock = clock
        self._tell = tell
        self._stall_s = stall_s_of(options.config) if stall_s is None else stall_s
        metered = options.config.switches.attribution == "on"
        self._layers = Layers(CLIENT, threads="threads") if metered else OFF
        self._main: asyncio.Task[object] | None = None
        self._breakable: asyncio.Task[None] | None = None
        """What an interrupt breaks off: the scenario, or the judging of the history."""
        self._measured = False
        self._audits = Audits()
        self._failure = ""
        self._interrupted = False
        self._profilers = Profilers(options.directory / "profiles")
        self._hot: dict[str, list[str]] = {}

    def interrupt(self) -> None:
        """End now and in order, and keep what was measured.

        Before the scenario ``play`` is cancelled; after it only what may take long is.
        """
        self._interrupted = True
        breaking = self._breakable or (None if self._measured else self._main)
        if breaking is not None:
            breaking.cancel()

    @property
    def interrupted(self) -> bool:
        """Return whether there was an interrupt."""
        return self._interrupted

    def unplayed(self) -> Outcome:
        """Return what there is of a run that was interrupted before its plane was up: nothing."""
        now_ns = self._clock.stamp_ns()
        observed = Observed(
            config=self._config,
            origin_ns=now_ns,
            end_ns=now_ns,
            records=[],
            probes={},
            reported={},
            requests=[],
            phases=[],
            samples=[],
            first_audit_ns=0,
            statistics={},
            sizes={},
            wire={},
            hot={},
        )
        return Outcome(observed, Observations(0, 0, 0, completed=False, audits_expected=0), {})

    async def play(self) -> Outcome:
        """Play the scenario on a fresh plane. Raises ChildError where that does not come up."""
        self._main = asyncio.current_task()
        self._tell("start", 0, 1)
        with (
            CollectorPauses(self._clock) as pauses,
            LoopLag(self._clock) as lag,
            self._layers.running(),
        ):
            async with Plane(self._options) as plane, AsyncExitStack() as stack:
                if self._config.kubeconfig:
                    write_kubeconfig(Path(self._config.kubeconfig), plane.url)
                history = stack.enter_context(self._history())
                connecting = connect(plane.urls, self._config.codec, self._clock, history)
                async with connecting as api:
                    sampler = Sampler(lambda: {**plane.pids, MEASURING: os.getpid()}, self._clock)
                    stage = self._stage(plane, api, sampler)
                    if history is not None:
                        stage.pods.follower = Follower(history, PODS, EVERYTHING)
                    async with Pulses(plane.urls, self._clock) as pulses:
                        faults = self._etcd_faults(plane, stage)
                        beside = [sampler.run, *pulses.runs, *([faults.run] if faults else [])]
                        await self._perform(plane, stage, beside)
                end_ns = self._clock.stamp_ns()
                died = plane.died
            died += [name for name in plane.died if name not in died]
        statistics = read_statistics(self._options.statistics_dir, plane.own_pids)
        statistics[MEASURING] = ProcessStatistics(
            gc=pauses.summary(), loop_lag_ms=lag.summary(), loop_lag_longest=lag.longest()
        )
        planted = faults.planted if faults else []
        noticed = etcd_faults(planted, self._options.history_dir, end_ns)
        observed = Observed(
            config=self._config,
            origin_ns=stage.origin_ns,
            end_ns=end_ns,
            records=list(stage.pods.records.values()),
            probes=stage.probes,
            reported=read_stamps(self._options.stamps),
            requests=stage.requests.requests,
            phases=stage.phases,
            samples=sampler.samples,
            first_audit_ns=sampler.first_excluded_ns,
            statistics=statistics,
            sizes=self._sizes(stage),
            wire={f"{MEASURING}.{name}": count for name, count in api.traffic().items()},
            hot=self._hot,
            beats=pulses.beats,
            freezes=pulses.freezes,
            store=plane.store,
            planted=planted,
            etcd_faults=noticed,
            gaps=stage.pods.gaps,
            ways=read_ways(self._options.history_dir),
            churn=stage.churn,
            old_read=stage.old_read,
        )
        history_report = await self._checked_history(plane.store.declared)
        observations = replace(
            self._observations(stage, died, statistics),
            history=history_report,
            etcd_faults_asked=len(self._config.etcd_faults.split(",")) if faults else 0,
            etcd_faults=noticed,
        )
        return Outcome(observed, observations, self._profilers.refused)

    @contextmanager
    def _history(self) -> Iterator[HistoryWriter | None]:
        """Give this process's own history, where one is kept."""
        directory = self._options.history_dir
        if directory is None:
            yield None
            return
        with HistoryWriter(directory, MEASURING, self._clock) as history:
            yield history

    async def _checked_history(self, declared: Declared) -> HistoryReport | None:
        """Have the history judged, where one was kept; others write only if they are let in."""
        if self._options.history_dir is None or self._interrupted:
            return None
        self._tell("history", 0, 1)
        foreign = bool(self._config.kubeconfig)
        found: list[HistoryReport] = []

        async def check() -> None:
            directory = self._options.directory
            # Revisions of what the API servers are not told of are no gaps.
            others = is_part(self._config.store) or not declared.dense_revisions
            shared = declared.shared_revisions
            found.append(
                await check_history(directory, foreign=foreign, others=others, shared=shared)
            )

        async with asyncio.TaskGroup() as group:
            self._breakable = group.create_task(check())
        self._breakable = None
        return found[0] if found else None

    def _etcd_faults(self, plane: Plane, stage: Stage) -> EtcdFaults | None:
        kinds = [kind for kind in self._config.etcd_faults.split(",") if kind]
        if not kinds or plane.members is None:
            return None
        return EtcdFaults(
            kinds,
            plane.members,
            self._clock,
            lambda: stage.pods.running / self._config.pods,
            lambda: stage.origin_ns,
        )

    def _stage(self, plane: Plane, api: Connection, sampler: Sampler) -> Stage:
        async def mark(*, opening: bool) -> Mark:
            # The stamp stands next to the revision, and what is slow to read outside the phase.
            stamp_ns, usage, machine = self._clock.stamp_ns(), sampler.sample(), read_machine()
            revision = await api.revision()
            metrics = await api.metrics()
            told = await plane.statistics()
            counters = together({name: s.counters for name, s in told.items()})
            counters[MEASURING] = self._layers.flat()
            if opening:
                revision = await api.revision()
                stamp_ns, usage, machine = self._clock.stamp_ns(), sampler.sample(), read_machine()
            return Mark(stamp_ns, usage, revision, metrics, counters, machine)

        async def audit(label: AuditLabel) -> None:
            self._tell("audit", 0, 1)
            with sampler.excluded():
                recording = await record(stage, label)
                try:
                    report = await run_auditor(
                        plane.urls,
                        recording,
                        self._options.directory,
                        old_revisions=plane.store.declared.old_revisions,
                    )
                except AuditNotMadeError as error:
                    self._audits.failures.append(f"{label.label}: no audit: {error}")
                else:
                    self._audits.made.append(report)

        stage = Stage(
            config=self._config,
            client=api.client,
            clock=self._clock,
            pods=PodRecorder(api.client, self._clock),
            requests=RequestLog(self._clock),
            pacer=Pacer(self._clock),
            mark=mark,
            audit=audit,
            progress=self._tell,
            read_at=api.read_at,
            stall_s=self._stall_s,
        )
        return stage

    async def _perform(self, plane: Plane, stage: Stage, beside: Sequence[Beside]) -> None:
        """Play the scenario, with watch, what runs beside, guard and profilers around it."""
        async with asyncio.TaskGroup() as group:
            around = [group.create_task(each()) for each in (stage.pods.run, *beside)]
            await stage.pods.wait_synced()
            if self._config.profile:
                await self._profilers.start({**plane.own_pids, MEASURING: os.getpid()})
            self._breakable = scenario = group.create_task(self._caught(stage))
            around += [
                group.create_task(_cancel_when_ended(child, scenario)) for child in plane.children
            ]
            await asyncio.wait({scenario})
            self._breakable, self._measured = None, True
            if stage.pods.follower is not None:
                await asyncio.sleep(SETTLE_S)
                stage.pods.record_state()
            if self._config.profile:
                self._hot = await self._profilers.stop()
            for task in around:
                task.cancel()
        self._tell("stop", 0, 1)

    async def _caught(self, stage: Stage) -> None:
        """Play; what fails makes the run void, but what was measured is kept."""
        try:
            await SCENARIOS[self._config.scenario](stage)
        except Exception as error:  # noqa: BLE001  whatever it is, the results name it
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            self._failure = f"{type(error).__name__}: {error}"

    def _sizes(self, stage: Stage) -> dict[str, float]:
        sizes = {}
        pods = stage.pods
        if pods.running:
            sizes[f"pod.{self._config.codec}"] = pods.running_bytes / pods.running
        return sizes

    def _observations(
        self, stage: Stage, died: list[str], statistics: Mapping[str, ProcessStatistics]
    ) -> Observations:
        requests = stage.requests.requests
        return Observations(
            pods_expected=stage.due,
            pods_running=stage.pods.running,
            pods_left=stage.pods.alive,
            completed=not self._interrupted,
            failure=self._failure,
            audit=self._audits.sentences,
            audits_made=len(self._audits.made),
            late_p99_ms=stage.requests.late_p99_ms,
            requests=len(requests),
            request_errors=stage.requests.errors,
            died=died,
            watch_resumed=stage.pods.resumed,
            watch_relisted=stage.pods.relisted,
            heartbeat_s=self._config.heartbeat_s,
            nodes=self._config.nodes,
            settings=self._config.settings,
            counters=together({name: found.counters for name, found in statistics.items()}),
            servers={n: s.counters for n, s in statistics.items() if is_server(n)},
            profiled=self._config.profile,
        )


async def _cancel_when_ended(child: Child, scenario: asyncio.Task[None]) -> None:
    """Break a scenario off when a process of its plane is gone: nothing more will come."""
    await child.ended()
    if child.died:  # one that was killed on purpose comes back
        scenario.cancel()
