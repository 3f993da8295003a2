"""A pod's life as a table: state, latencies, stage, duration."""

from __future__ import annotations

import random

import pytest

from cluster.client.indexer import EntryMaker
from cluster.kubelet.latency import NONE, Latency
from cluster.kubelet.stages import Effect, Latencies, PodState, stage_of
from serialization.api.core.v1_pb2 import Pod
from serialization.api.meta.v1_pb2 import ObjectMeta, Time

MS = 1_000_000


@pytest.mark.parametrize(
    ("state", "effect"),
    [
        (PodState("", deleting=False), Effect.REPORT_RUNNING),
        (PodState("Pending", deleting=False), Effect.REPORT_RUNNING),
        (PodState("Running", deleting=False), None),
        (PodState("Succeeded", deleting=False), None),
        (PodState("Failed", deleting=False), None),
        (PodState("Pending", deleting=True), Effect.DELETE),
        (PodState("Running", deleting=True), Effect.DELETE),
        (PodState("Succeeded", deleting=True), Effect.DELETE),
    ],
)
def test_stage_follows_from_phase_and_deletion(state: PodState, effect: Effect | None) -> None:
    stage = stage_of(state)

    assert (stage.effect if stage else None) == effect


@pytest.mark.parametrize(
    ("grace_s", "latency_ms", "expected_ms"), [(30, 500, 500), (1, 5000, 1000), (0, 500, 0)]
)
def test_termination_takes_no_longer_than_the_grace_period(
    grace_s: int, latency_ms: int, expected_ms: int
) -> None:
    pod = Pod(
        metadata=ObjectMeta(
            name="p", deletionTimestamp=Time(seconds=1), deletionGracePeriodSeconds=grace_s
        )
    )
    entry = EntryMaker[Pod](Pod.FromString).entry(pod.SerializeToString(), 0)
    stage = stage_of(PodState(entry.phase, entry.deleting))
    latencies = Latencies(terminate=Latency(latency_ms, latency_ms))

    assert stage is not None
    assert stage.duration_ns(entry, latencies, random.Random(0)) == expected_ms * MS


def test_latency_is_drawn_between_its_bounds_by_the_seed() -> None:
    latency = Latency.parse("100:500")
    chance = random.Random(3)

    drawn = [latency.draw_ns(chance) for _ in range(100)]

    assert all(100 * MS <= each <= 500 * MS for each in drawn)
    assert drawn[:3] == [latency.draw_ns(r) for r in [random.Random(3)] for _ in range(3)]


def test_constant_latency_draws_nothing() -> None:
    chance = random.Random(0)
    before = chance.getstate()

    assert Latency.parse("250").draw_ns(chance) == 250 * MS
    assert NONE.draw_ns(chance) == 0
    assert chance.getstate() == before


@pytest.mark.parametrize("text", ["", "x", "5:1", "-1", "1:", "inf", "nan"])
def test_malformed_latency_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"latency|float"):
        Latency.parse(text)
