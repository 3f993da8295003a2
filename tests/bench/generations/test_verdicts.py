"""Every verdict fires, and nothing but what the rules say makes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.generations.results import Size, Verdict
from bench.generations.verdicts import TRIFLE, judge, size_of, verdict_of

FIVE = [1.0, 1.01, 0.99, 1.02, 0.98]
WIDE = [0.2, 5.0, 0.3, 4.0, 1.0]


@pytest.mark.parametrize(
    ("larger", "smaller", "verdict"),
    [
        ([3.0 * each for each in FIVE], FIVE, Verdict.AS_CLAIMED),
        (FIVE, [3.0 * each for each in FIVE], Verdict.OPPOSITE),
        (FIVE, FIVE[::-1], Verdict.NO_DIFFERENCE),
        ([1.05] * 5, [1.0] * 5, Verdict.NO_DIFFERENCE),
        (WIDE, [1.0] * 5, Verdict.UNDECIDED),
        ([3.0] * 4, [1.0] * 4, Verdict.UNDECIDED),
        ([3.0], [1.0], Verdict.UNDECIDED),
        ([], [], Verdict.UNDECIDED),
        ([1.0] * 5, [0.0] * 5, Verdict.AS_CLAIMED),
        ([0.0] * 5, [1.0] * 5, Verdict.OPPOSITE),
        ([0.0] * 5, [0.0] * 5, Verdict.NO_DIFFERENCE),
        ([1.0, 0.0, 1.0, 1.0, 1.0], [0.0] * 5, Verdict.UNDECIDED),
        ([1.0] * 4, [0.0] * 4, Verdict.UNDECIDED),
        ([3.0] * 5, [1.0, 0.0, 1.0, 1.0, 1.0], Verdict.UNDECIDED),
        ([3.0] * 6, [0.0, 1.0, 1.0, 1.0, 1.0, 1.0], Verdict.AS_CLAIMED),
        ([0.0, 3.0, 3.0, 3.0, 3.0, 3.0], [1.0] * 6, Verdict.UNDECIDED),
        ([0.0, 1.0, 1.0, 1.0, 1.0, 1.0], [1.0] * 6, Verdict.UNDECIDED),
        ([0.0, 1.0, 1.0, 1.0, 1.0, 1.0], [3.0] * 6, Verdict.OPPOSITE),
        ([0.0] * 6, [1.0] * 5 + [0.0], Verdict.UNDECIDED),
        ([0.0, 3.0, 3.0, 3.0, 3.0, 3.0], [0.0, 1.0, 1.0, 1.0, 1.0, 1.0], Verdict.AS_CLAIMED),
    ],
)
def test_verdict_of_rounds(larger: list[float], smaller: list[float], verdict: Verdict) -> None:
    assert judge(larger, smaller).verdict is verdict


@pytest.mark.parametrize(
    ("larger", "smaller", "verdict"),
    [
        ([2.0], [1.0], Verdict.AS_CLAIMED),
        ([1.0], [2.0], Verdict.OPPOSITE),
        ([1.0], [1.0], Verdict.NO_DIFFERENCE),
        ([1.0], [0.0], Verdict.AS_CLAIMED),
        ([3.0, 0.9], [1.0, 1.0], Verdict.UNDECIDED),
        ([], [], Verdict.UNDECIDED),
    ],
)
def test_exact_count_is_decided_by_one_round(
    larger: list[float], smaller: list[float], verdict: Verdict
) -> None:
    assert judge(larger, smaller, exact=True).verdict is verdict


@pytest.mark.parametrize(
    ("larger", "size", "said"),
    [
        ([3.0 * each for each in FIVE], 2.0, Size.REACHED),
        ([3.0 * each for each in FIVE], 10.0, Size.SMALLER),
        ([3.0 * each for each in FIVE], 3.0, Size.WITHIN),
        ([3.0 * each for each in FIVE], None, Size.UNCLAIMED),
        ([0.3 * each for each in FIVE], 2.0, Size.UNCLAIMED),
    ],
)
def test_size_is_told_apart_from_the_direction(
    larger: list[float], size: float | None, said: Size
) -> None:
    assert judge(larger, [1.0] * 5, size=size).size is said


def test_size_of_a_ratio_over_nothing_is_reached() -> None:
    judged = judge([1.0] * 5, [0.0] * 5, size=10.0)

    assert (judged.verdict, judged.size, judged.ratio) == (Verdict.AS_CLAIMED, Size.REACHED, None)


def test_size_without_an_interval_is_not_judged() -> None:
    assert size_of(None, None, 2.0) is Size.UNCLAIMED


@given(
    st.lists(st.floats(min_value=0.01, max_value=100.0), min_size=5, max_size=9),
    st.lists(st.floats(min_value=0.01, max_value=100.0), min_size=9, max_size=9),
)
def test_verdict_turns_round_with_the_claim(larger: list[float], others: list[float]) -> None:
    smaller = others[: len(larger)]
    turned = {Verdict.AS_CLAIMED: Verdict.OPPOSITE, Verdict.OPPOSITE: Verdict.AS_CLAIMED}

    one, other = judge(larger, smaller), judge(smaller, larger)

    assert other.verdict is turned.get(one.verdict, one.verdict)
    assert one.ratio is not None
    assert other.ratio == pytest.approx(1 / one.ratio)


@given(st.floats(min_value=0.01, max_value=100.0), st.floats(min_value=1.0, max_value=50.0))
def test_verdict_of_an_interval_is_one_of_four_regions(low: float, width: float) -> None:
    high = low * width
    within = low >= 1 / TRIFLE and high <= TRIFLE

    verdict = verdict_of(low, high)

    assert (verdict is Verdict.NO_DIFFERENCE) == within
    assert (verdict is Verdict.AS_CLAIMED) == (not within and low > 1)
    assert (verdict is Verdict.OPPOSITE) == (not within and high < 1)


@pytest.mark.parametrize(
    ("larger", "needed"),
    [
        ([3.0 * each for each in FIVE], None),
        ([3.0] * 4, 5),
        ([1.0, 1.3, 1.1, 1.5, 0.9], 12),  # until 1 is outside
        ([0.9, 1.12, 1.0, 1.1, 0.93], 8),  # until all of it is within 10 % of 1
        (WIDE, None),
        ([3.0], None),
    ],
)
def test_what_is_undecided_tells_how_many_rounds_it_would_take(
    larger: list[float], needed: int | None
) -> None:
    assert judge(larger, [1.0] * len(larger)).rounds_needed == needed


def test_as_many_rounds_as_were_needed_decide() -> None:
    few = [1.0, 1.3, 1.1, 1.5, 0.9]

    again = judge(few * 3, [1.0] * 15)

    assert judge(few, [1.0] * 5).verdict is Verdict.UNDECIDED
    assert again.verdict is Verdict.AS_CLAIMED
