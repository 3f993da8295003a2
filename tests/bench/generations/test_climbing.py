"""The ladder of row a: the highest rate that is held, whatever the server can take."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.generations.stations.feeding import CLAIMED_PER_S, PER_S_MIN, Step, climb
from bench.generations.verdicts import TRIFLE

PER_S_MAX = 64_000.0


def _climbed(capacity: float) -> tuple[Step | None, Step | None, list[float]]:
    """Climb on a server that takes so many writes a second."""
    rates: list[float] = []

    async def tried(rate: float) -> Step:
        rates.append(rate)
        written = min(rate, capacity)
        return Step(rate, written, 1.0, told=1, due=1, ended="", client_cores=0.1)

    best, failed = asyncio.run(climb(tried, PER_S_MAX))
    return best, failed, rates


@given(st.floats(min_value=63.0, max_value=30_000.0))
def test_rate_that_is_found_is_finer_than_what_is_called_no_difference(capacity: float) -> None:
    best, failed, rates = _climbed(capacity)

    assert rates[0] == CLAIMED_PER_S
    assert best is not None
    assert failed is not None
    assert best.held
    assert not failed.held
    assert failed.intended_per_s / best.intended_per_s < TRIFLE
    assert capacity / TRIFLE < best.intended_per_s * 1.0001
    assert best.written_per_s <= capacity


def test_ladder_that_ends_before_the_server_has_no_rate_that_failed() -> None:
    best, failed, rates = _climbed(10 * PER_S_MAX)

    assert best is not None
    assert (best.intended_per_s, failed, rates[-1]) == (PER_S_MAX, None, PER_S_MAX)


def test_server_that_holds_nothing_is_given_up_at_the_lowest_rate() -> None:
    best, failed, rates = _climbed(1.0)

    assert best is None
    assert failed is not None
    assert rates == [500.0, 250.0, 125.0, 62.5]
    assert failed.intended_per_s == PER_S_MIN


@pytest.mark.parametrize(
    ("told", "lag_ms", "ended", "written", "held"),
    [
        (10, 1.0, "", 1000.0, True),
        (9, 1.0, "", 1000.0, False),
        (10, 250.1, "", 1000.0, False),
        (10, 1.0, "cleared", 1000.0, False),
        (10, 1.0, "", 949.0, False),
    ],
)
def test_rate_is_held_by_watcher_and_server_both(
    told: int, lag_ms: float, ended: str, written: float, held: bool
) -> None:
    step = Step(1000.0, written, lag_ms, told, due=10, ended=ended, client_cores=0.1)

    assert step.held is held
