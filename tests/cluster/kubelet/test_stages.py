"""A pod's life as a table: state, latencies, stage, duration."""

from __future__ import annotations

import random

import pytest

from cluster.kubelet.latency import NONE, Latency
from cluster.kubelet.stages import STAGES, Effect, Latencies, PodState, stage_of, stop_delay_ns

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
        (PodState("Running", deleting=True, lively=True, unready=True), Effect.DELETE),
        (PodState("", deleting=False, lively=True), Effect.ADVANCE),
        (PodState("Running", deleting=False, lively=True, unready=True), Effect.ADVANCE),
        (PodState("Succeeded", deleting=False, lively=True), None),
        (PodState("Failed", deleting=False, lively=True), None),
        (PodState("Running", deleting=False, unready=True), Effect.REPORT_RUNNING),
        (PodState("Failed", deleting=False, unready=True), None),
    ],
)
def test_stage_follows_from_phase_and_deletion(state: PodState, effect: Effect | None) -> None:
    stage = stage_of(state)

    assert (stage.effect if stage else None) == effect


@pytest.mark.parametrize(
    ("drawn_ms", "grace_s", "left_ms", "expected_ms"),
    [
        (500, 30, None, 500),
        (5000, 1, None, 1000),
        (500, 0, None, 0),
        (5000, 30, 2000, 2000),
        (5000, 30, 60_000, 5000),
        (5000, 30, -7000, 0),
    ],
)
def test_stopping_takes_no_longer_than_what_is_left_of_the_grace(
    drawn_ms: int, grace_s: int, left_ms: int | None, expected_ms: int
) -> None:
    left_ns = None if left_ms is None else left_ms * MS

    assert stop_delay_ns(drawn_ms * MS, grace_s, left_ns) == expected_ms * MS


@pytest.mark.parametrize(
    ("name", "expected_ms"), [("remove", 500), ("live", 0), ("start", 200), ("restore", 0)]
)
def test_each_stage_lasts_as_its_latency_says(name: str, expected_ms: int) -> None:
    (stage,) = (stage for stage in STAGES if stage.name == name)
    latencies = Latencies(start=Latency(200, 200), terminate=Latency(500, 500))

    assert stage.duration_ns(latencies, random.Random(0)) == expected_ms * MS


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
