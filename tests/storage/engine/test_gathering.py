"""The gathering policy."""

from __future__ import annotations

import pytest

from storage.engine.gathering import GATHER_MAX_S, Gathering


@pytest.mark.parametrize(
    ("commit_ms", "delay_ms"), [(0.4, 0.0), (2.0, 0.0), (5.0, 1.0), (20.0, 4.0), (1000.0, 20.0)]
)
def test_delay_is_a_fifth_of_slow_commits(commit_ms: float, delay_ms: float) -> None:
    gathering = Gathering()

    for _ in range(20):
        gathering.observe(int(commit_ms * 1e6))

    assert gathering.delay_s * 1000 == pytest.approx(delay_ms)


def test_delay_is_none_before_the_first_commit() -> None:
    assert Gathering().delay_s == 0.0


def test_one_slow_commit_among_fast_ones_does_not_start_gathering() -> None:
    gathering = Gathering()
    for _ in range(20):
        gathering.observe(400_000)

    gathering.observe(5_000_000)

    assert gathering.delay_s == 0.0


def test_delay_ends_when_commits_are_fast_again() -> None:
    gathering = Gathering()
    gathering.observe(1_000_000_000)
    assert gathering.delay_s == GATHER_MAX_S

    for _ in range(40):
        gathering.observe(400_000)

    assert gathering.delay_s == 0.0
