from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.statistics import (
    mean_interval,
    paired_ratio,
    rounds_needed,
    t_cumulative,
    t_quantile,
)

# Two-sided quantiles of Student's t as printed in every table of it.
TABLE = [
    (0.95, 1, 12.706),
    (0.95, 2, 4.303),
    (0.95, 4, 2.776),
    (0.95, 9, 2.262),
    (0.95, 30, 2.042),
    (0.95, 120, 1.980),
    (0.99, 4, 4.604),
    (0.90, 10, 1.812),
]


@pytest.mark.parametrize(("confidence", "freedom", "expected"), TABLE)
def test_t_quantile_is_the_table_s(confidence: float, freedom: int, expected: float) -> None:
    assert t_quantile(confidence, freedom) == pytest.approx(expected, abs=6e-4)


@given(st.floats(0.01, 50), st.integers(1, 500))
def test_t_cumulative_is_symmetric_and_a_probability(t: float, freedom: int) -> None:
    above, below = t_cumulative(t, freedom), t_cumulative(-t, freedom)

    assert 0.5 <= above <= 1.0
    assert above + below == pytest.approx(1.0)


def test_mean_interval_of_one_round_has_no_bounds() -> None:
    interval = mean_interval([7.0])

    assert (interval.mean, interval.low, interval.high, interval.rounds) == (7.0, None, None, 1)


def test_mean_interval_is_the_textbook_s() -> None:
    interval = mean_interval([10.0, 12.0, 14.0])

    reach = 4.302653 * 2.0 / math.sqrt(3)
    assert interval.mean == 12.0
    assert interval.low == pytest.approx(12 - reach, abs=1e-5)
    assert interval.high == pytest.approx(12 + reach, abs=1e-5)


def test_ratio_is_paired_so_what_a_round_slows_for_both_does_not_count() -> None:
    found = paired_ratio([10.0, 20.0, 40.0, 80.0, 160.0], [5.0, 10.0, 20.0, 40.0, 80.0])

    assert found is not None
    assert found.ratio == pytest.approx(2.0)
    assert found.low == pytest.approx(2.0)
    assert found.decided


def test_ratio_under_five_rounds_is_never_decided() -> None:
    found = paired_ratio([10.0, 10.1, 10.0], [1.0, 1.0, 1.0])

    assert found is not None
    assert not found.decided
    assert found.rounds_needed == 5


def test_ratio_whose_interval_holds_one_is_undecided_and_tells_how_many_rounds_it_takes() -> None:
    found = paired_ratio([1.1, 0.9, 1.2, 1.0, 1.05], [1.0, 1.0, 1.0, 1.0, 1.0])

    assert found is not None
    assert not found.decided
    assert found.rounds_needed is not None
    assert found.rounds_needed > 5


def test_ratio_of_one_round_is_an_estimate_alone() -> None:
    found = paired_ratio([3.0], [2.0])

    assert found is not None
    assert found.ratio == pytest.approx(1.5)
    assert (found.low, found.high, found.rounds_needed) == (None, None, None)


def test_ratio_without_positive_values_is_none() -> None:
    assert paired_ratio([0.0, 1.0], [1.0, 0.0]) is None


def test_rounds_needed_gives_up_where_there_is_no_difference() -> None:
    assert rounds_needed(1e-9, 0.5) is None


@given(st.floats(0.01, 2.0), st.floats(0.01, 0.5))
def test_rounds_needed_are_enough_by_their_own_measure(mean: float, spread: float) -> None:
    rounds = rounds_needed(mean, spread)

    if rounds is not None:
        assert t_quantile(0.95, rounds - 1) * spread / math.sqrt(rounds) < mean
