"""Every scenario of the registry, played on a fake cluster in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field

import pytest

from bench.audit.recording_file import Recording
from bench.auditing import record
from bench.pacing import Pacer
from bench.recording import PodRecorder
from bench.requests import RequestLog
from bench.results import Config
from bench.scenarios.registry import SCENARIOS
from bench.scenarios.stage import AuditLabel, Mark, Stage
from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from serialization.api.core.v1_pb2 import Pod, ReplicationController
from storage.virtual_time import VirtualClock, run_virtual
from tests.bench.fake_cluster import TURN_S, FakeCluster

CONFIG = Config(nodes=1, pods=37, probes=5, probe_interval_ms=100.0)


@dataclass
class Played:
    """A stage after a scenario, and what was seen of it."""

    stage: Stage
    api: FakeApi
    recordings: list[Recording] = field(default_factory=list)
    progress: list[tuple[str, int, int]] = field(default_factory=list)


async def _play(
    name: str,
    config: Config,
    *,
    running_max: int = 10**9,
    conflicts: int = 0,
    turn_s: float = TURN_S,
) -> Played:
    clock = VirtualClock()
    api = FakeApi(clock)
    cluster = FakeCluster(api, running_max=running_max, turn_s=turn_s)
    recordings: list[Recording] = []
    progress: list[tuple[str, int, int]] = []

    async def mark(*, opening: bool) -> Mark:
        return Mark(clock.stamp_ns(), {}, api.revision, "", {})

    async def audit(label: AuditLabel) -> None:
        recordings.append(await record(stage, label))

    async def read_at(revision: int) -> int:
        return 410

    def tell(phase: str, done: int, total: int) -> None:
        progress.append((phase, done, total))

    stage = Stage(
        config=config,
        client=api,
        clock=clock,
        pods=PodRecorder(api, clock),
        requests=RequestLog(clock),
        pacer=Pacer(clock),
        mark=mark,
        audit=audit,
        progress=tell,
        read_at=read_at,
        stall_s=3.0,
    )
    if conflicts:
        api.fail_next("update", failure(409, message="stale"), conflicts)
    async with asyncio.TaskGroup() as group:
        around = [group.create_task(cluster.run()), group.create_task(stage.pods.run())]
        await stage.pods.wait_synced()
        await SCENARIOS[name](stage)
        for task in around:
            task.cancel()
    return Played(stage, api, recordings, progress)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_scenario_runs_all_pods_and_leaves_none(name: str) -> None:
    played = run_virtual(_play(name, CONFIG))

    assert played.stage.pods.running == CONFIG.pods + CONFIG.probes
    assert played.stage.pods.alive == 0
    assert played.api.objects(Pod) == []
    assert played.api.objects(ReplicationController) == []
    assert all(phase.end is not None for phase in played.stage.phases)
    assert played.stage.origin_ns > 0 or played.stage.phases


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_scenario_has_itself_audited_full_and_empty(name: str) -> None:
    played = run_virtual(_play(name, CONFIG))

    full, empty = played.recordings
    assert (full.label, full.running, len(full.pods)) == ("full", True, 42)
    assert len(full.controllers) == 8
    assert all(pod.node == "n1" for pod in full.pods.values())
    assert (empty.label, empty.running, len(empty.pods)) == ("empty", False, 0)
    assert len(empty.pods_seen) == 42


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_scenario_that_stalls_ends_and_is_not_audited_as_full(name: str) -> None:
    played = run_virtual(_play(name, CONFIG, running_max=20))

    assert played.stage.pods.running == 20
    assert [recording.label for recording in played.recordings] == ["empty"]
    assert played.stage.pods.alive == 0


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_scenario_repeats_what_conflicts(name: str) -> None:
    played = run_virtual(_play(name, CONFIG, conflicts=3))

    assert played.stage.pods.alive == 0
    assert sum(request.code == 409 for request in played.stage.requests.requests) == 3
    assert played.stage.requests.errors == 0


def test_density_creates_probes_at_their_rate_and_knows_when_each_was_due() -> None:
    played = run_virtual(_play("density", CONFIG))

    due = sorted(played.stage.probes.values())
    assert [b - a for a, b in itertools.pairwise(due)] == [100_000_000] * 4


def test_density_paces_controllers_where_a_rate_is_asked_for() -> None:
    config = Config(nodes=1, pods=37, probes=0, rate=10.0)

    played = run_virtual(_play("density", config))

    creates = [
        request.due_ns
        for request in played.stage.requests.requests
        if request.call.resource == "replicationcontrollers" and request.call.verb == "create"
    ]
    assert [b - a for a, b in itertools.pairwise(creates)] == [100_000_000] * 7
    assert [phase.name for phase in played.stage.phases] == ["fill", "delete"]


def test_density_tells_its_progress_up_to_the_end() -> None:
    played = run_virtual(_play("density", CONFIG))

    assert played.progress[0] == ("fill", 0, 37)  # told from the first create on
    assert ("fill", 37, 37) in played.progress
    assert ("steady", 42, 42) in played.progress
    assert ("delete", 42, 42) in played.progress


CHURNED = Config(nodes=1, pods=200, steady_s=20.0, churn_per_s=20.0)


def test_density_churns_at_its_rate_and_every_pod_is_accounted_for() -> None:
    played = run_virtual(_play("density", CHURNED))

    stage, counts = played.stage, played.stage.churn
    assert sum(counts.values()) == 400
    assert (counts["created"], counts["grown"]) == (100, 100)
    assert stage.pods.running == stage.due == 200 + counts["created"] + counts["grown"]
    assert stage.pods.alive == 0
    assert stage.requests.errors == 0
    full, empty = played.recordings
    assert len(full.pods) == 200 + counts["created"] - counts["deleted"]
    assert len(empty.pods_seen) == stage.due


def test_churn_leaves_a_controller_alone_until_it_has_acted() -> None:
    """Grown again before its pod went, a controller would neither make one nor delete one."""
    few = Config(nodes=1, pods=20, steady_s=30.0, churn_per_s=8.0)

    played = run_virtual(_play("density", few, turn_s=0.7))

    stage, counts = played.stage, played.stage.churn
    assert counts["grown"] > counts["shrunk"] > 0
    assert counts["passed"] > 0
    assert stage.pods.running == stage.due == 20 + counts["created"] + counts["grown"]
    assert len(played.recordings) == 2
