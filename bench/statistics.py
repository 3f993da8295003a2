"""Intervals over rounds: Student's t for means, and for the geometric mean of paired ratios.

The quantiles are computed here (regularised incomplete beta by its continued fraction, then
bisection), since a library of statistics would be a hundred megabytes for one number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, stdev
from typing import Final

from bench.matrix_results import CONFIDENCE, ROUNDS_TO_DECIDE, Interval

ROUNDS_NEEDED_MAX: Final = 1000
FRACTION_STEPS_MAX: Final = 300
TINY: Final = 1e-300


def _continued_fraction(a: float, b: float, x: float) -> float:
    """Evaluate the incomplete beta function's continued fraction by Lentz's method."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > TINY else TINY)
    value = d
    for m in range(1, FRACTION_STEPS_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for term in (even, odd):
            d = 1.0 + term * d
            c = 1.0 + term / c
            d = 1.0 / (d if abs(d) > TINY else TINY)
            c = c if abs(c) > TINY else TINY
            step = c * d
            value *= step
        if abs(step - 1.0) < 1e-14:
            break
    return value


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x in (0.0, 1.0):
        return x
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _continued_fraction(a, b, x) / a
    return 1.0 - front * _continued_fraction(b, a, 1.0 - x) / b


def t_cumulative(t: float, freedom: int) -> float:
    """Return the probability that Student's t with ``freedom`` degrees is at most ``t``."""
    tail = 0.5 * _incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t))
    return 1.0 - tail if t > 0 else tail


@lru_cache(maxsize=256)
def t_quantile(confidence: float, freedom: int) -> float:
    """Return the two-sided quantile: |t| is below it with probability ``confidence``.

    >>> round(t_quantile(0.95, 4), 3)
    2.776
    """
    target = 0.5 + confidence / 2.0
    low, high = 0.0, 1e4
    for _ in range(100):
        middle = (low + high) / 2.0
        if t_cumulative(middle, freedom) < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def mean_interval(values: Sequence[float]) -> Interval:
    """Return the mean of at least one round's values with its t interval."""
    mean = fmean(values)
    if len(values) < 2:
        return Interval(mean=mean, low=None, high=None, rounds=len(values))
    reach = t_quantile(CONFIDENCE, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Interval(mean=mean, low=mean - reach, high=mean + reach, rounds=len(values))


@dataclass(frozen=True, slots=True)
class Ratio:
    """The geometric mean of ratios that are paired by round, and what can be said of it."""

    ratio: float
    low: float | None
    high: float | None
    rounds: int
    rounds_needed: int | None

    @property
    def decided(self) -> bool:
        """Return whether there are rounds enough and 1 lies outside of the interval."""
        if self.rounds < ROUNDS_TO_DECIDE or self.low is None or self.high is None:
            return False
        return self.low > 1.0 or self.high < 1.0


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio | None:
    """Compare two cells round by round; None where no round has two positive values."""
    pairs = zip(numerators, denominators, strict=True)
    logs = [math.log(a / b) for a, b in pairs if a > 0 and b > 0]
    if not logs:
        return None
    interval = mean_interval(logs)
    if interval.low is None or interval.high is None:
        return Ratio(math.exp(interval.mean), None, None, interval.rounds, None)
    return Ratio(
        ratio=math.exp(interval.mean),
        low=math.exp(interval.low),
        high=math.exp(interval.high),
        rounds=interval.rounds,
        rounds_needed=rounds_needed(interval.mean, stdev(logs)),
    )


def rounds_needed(mean: float, spread: float) -> int | None:
    """Return about how many rounds it takes for the t interval around ``mean`` to leave 0.

    Never below ``ROUNDS_TO_DECIDE``; None where it would be above 1000.
    """
    for rounds in _candidates():
        if t_quantile(CONFIDENCE, rounds - 1) * spread / math.sqrt(rounds) < abs(mean):
            return rounds
    return None


def _candidates() -> list[int]:
    steps = [ROUNDS_TO_DECIDE]
    while steps[-1] < ROUNDS_NEEDED_MAX:
        steps.append(max(steps[-1] + 1, int(steps[-1] * 1.1)))
    return steps
