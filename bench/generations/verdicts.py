"""What the rounds say of a claim: pure, and every outcome has a test that makes it fire.

A claim names which of two values is the larger. The rounds' ratios larger / smaller, paired by
round, have a geometric mean and a 95 % interval (Student's t over rounds), and then, in order:

- under ``ROUNDS_TO_DECIDE`` rounds: undecided, unless the measure is an exact count;
- the whole interval within ``TRIFLE`` of 1: no difference;
- the whole interval above 1: as claimed; below 1: the opposite;
- else 1 lies in an interval that is too wide to say that there is none: undecided.

A round in which one of the two is 0 has no ratio, and is not passed over either: whatever the
others say is undecided, unless it says the same as they do. Where the smaller is 0 in every round
and the larger in none, it is as claimed; the other way round the opposite; both always 0: no
difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from bench.generations.results import Size, Verdict
from bench.matrix_results import CONFIDENCE, ROUNDS_TO_DECIDE
from bench.statistics import Ratio, paired_ratio, t_quantile

TRIFLE: Final = 1.1
"""A factor that nobody would have changed a store for."""
ROUNDS_NEEDED_MAX: Final = 100


class Judged(NamedTuple):
    """A verdict, and what it rests on."""

    verdict: Verdict
    size: Size
    ratio: float | None
    low: float | None
    high: float | None
    rounds: int
    rounds_needed: int | None = None
    """About how many rounds like these would decide; None: it is decided, or no hundred would."""


def judge(
    larger: Sequence[float],
    smaller: Sequence[float],
    *,
    size: float | None = None,
    exact: bool = False,
) -> Judged:
    """Judge the claim that ``larger`` is larger, by ``size`` times if that was said.

    Both hold a value a round, of the same rounds. ``exact``: a count that does not vary; the
    interval is then what the rounds span, and one round decides.
    """
    assert len(larger) == len(smaller)
    rounds = len(larger)
    enough = rounds >= (1 if exact else ROUNDS_TO_DECIDE)
    if not any(larger) or not any(smaller):
        verdict = _of_zeros(larger, smaller) if enough else Verdict.UNDECIDED
        reached = Size.REACHED if size is not None and verdict is Verdict.AS_CLAIMED else None
        return Judged(verdict, reached or Size.UNCLAIMED, None, None, None, rounds)
    found = paired_ratio(larger, smaller)
    if found is None:
        return Judged(Verdict.UNDECIDED, Size.UNCLAIMED, None, None, None, rounds)
    low, high = found.low, found.high
    if exact:
        ratios = [a / b for a, b in zip(larger, smaller, strict=True) if a > 0 and b > 0]
        low, high = min(ratios), max(ratios)
    enough = found.rounds >= (1 if exact else ROUNDS_TO_DECIDE)
    verdict = verdict_of(low, high) if enough else Verdict.UNDECIDED
    if _of_half_zeros(larger, smaller) - {verdict}:
        verdict = Verdict.UNDECIDED
    said = size_of(low, high, size) if verdict is Verdict.AS_CLAIMED else Size.UNCLAIMED
    needed = None if exact or verdict is not Verdict.UNDECIDED else rounds_to_decide(found)
    return Judged(verdict, said, found.ratio, low, high, found.rounds, needed)


def rounds_to_decide(found: Ratio) -> int | None:
    """Return about how many rounds would decide, one way or the other; None: above a hundred.

    The interval shrinks around the ratio of these rounds until 1 is outside of it, or it is within
    ``TRIFLE`` of 1, whichever is easier. A plan for more rounds, and nothing that a verdict rests
    on.
    """
    if found.high is None or found.rounds < 2:
        return None
    mean = math.log(found.ratio)
    t_now = t_quantile(CONFIDENCE, found.rounds - 1)
    spread = (math.log(found.high) - mean) * math.sqrt(found.rounds) / t_now
    reach = max(abs(mean), math.log(TRIFLE) - abs(mean))
    for rounds in range(ROUNDS_TO_DECIDE, ROUNDS_NEEDED_MAX + 1):
        if t_quantile(CONFIDENCE, rounds - 1) * spread / math.sqrt(rounds) < reach:
            return rounds
    return None


def verdict_of(low: float | None, high: float | None) -> Verdict:
    """Return what an interval of larger / smaller says, if there are rounds enough."""
    if low is None or high is None:
        return Verdict.UNDECIDED
    if low >= 1 / TRIFLE and high <= TRIFLE:
        return Verdict.NO_DIFFERENCE
    if low > 1.0:
        return Verdict.AS_CLAIMED
    if high < 1.0:
        return Verdict.OPPOSITE
    return Verdict.UNDECIDED


def size_of(low: float | None, high: float | None, size: float | None) -> Size:
    """Return how an interval compares with the ratio that was claimed."""
    if size is None or low is None or high is None:
        return Size.UNCLAIMED
    if low >= size:
        return Size.REACHED
    return Size.SMALLER if high < size else Size.WITHIN


def _of_zeros(larger: Sequence[float], smaller: Sequence[float]) -> Verdict:
    """Judge where one of the two is 0 in every round."""
    if not any(larger) and not any(smaller):
        return Verdict.NO_DIFFERENCE
    if not any(larger):
        return Verdict.OPPOSITE if all(smaller) else Verdict.UNDECIDED
    return Verdict.AS_CLAIMED if all(larger) else Verdict.UNDECIDED


def _of_half_zeros(larger: Sequence[float], smaller: Sequence[float]) -> set[Verdict]:
    """Return what the rounds say in which one of the two is 0 and the other is not."""
    return {
        Verdict.AS_CLAIMED if a else Verdict.OPPOSITE
        for a, b in zip(larger, smaller, strict=True)
        if bool(a) != bool(b)
    }
