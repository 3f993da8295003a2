"""What is left of a run, from what is known of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.remaining import Lasted, Present, remaining_s, told
from bench.results import Config
from bench.switches import Switches

FULL = Config(nodes=2000, pods=60_000, steady_s=300.0, switches=Switches(history="off"))
FILLED = [Lasted("start", 20.0), Lasted("fill", 150.0)]
STEADY = [*FILLED, Lasted("churn", 300.0), Lasted("settle", 1.0)]

MOMENTS = [
    # No rate yet: nothing is said.
    ([], Present("start", 5.0, 0, 1), None),
    ([Lasted("start", 20.0)], Present("fill", 1.0, 900, 60_000), None),
    ([Lasted("start", 20.0)], Present("fill", 60.0, 100, 60_000), None),
    ([], Present("prelude", 60.0, 100, 60_000), None),
    # A third in 50 s: 100 s to go, then 300 steady, 30 + 15 of audits, 150 of deletion, 5 to stop.
    ([Lasted("start", 20.0)], Present("fill", 50.0, 20_000, 60_000), 100 + 300 + 45 + 150 + 5),
    (FILLED, Present("churn", 100.0, 100, 300), 200 + 45 + 150 + 5),
    (FILLED, Present("churn", 320.0, 300, 300), 45 + 150 + 5),
    ([*FILLED, Lasted("churn", 300.0)], Present("settle", 9.0, 1, 2), 45 + 150 + 5),
    (STEADY, Present("audit", 10.0, 0, 1), 20 + 150 + 15 + 5),
    (STEADY, Present("audit", 90.0, 0, 1), 150 + 15 + 5),
    # The first audit took 60 s, so the second will take 30; deletion has a rate of its own.
    (
        [*STEADY, Lasted("audit", 60.0)],
        Present("delete", 50.0, 30_000, 60_000),
        50 + 30 + 5,
    ),
    ([*STEADY, Lasted("audit", 60.0)], Present("delete", 1.0, 9, 60_000), None),
    ([*STEADY, Lasted("audit", 60.0), Lasted("delete", 99.0)], Present("audit", 10.0, 0, 1), 25),
    ([*STEADY, Lasted("delete", 99.0)], Present("stop", 1.0, 0, 1), 4),
]


@pytest.mark.parametrize(("lasted", "now", "seconds"), MOMENTS)
def test_remaining_time_is_of_known_rates_and_stated_guesses(
    lasted: list[Lasted], now: Present, seconds: float | None
) -> None:
    found = remaining_s(FULL, lasted, now)

    assert found == (None if seconds is None else pytest.approx(seconds))


def test_a_history_that_is_kept_takes_time_to_judge_and_probes_theirs() -> None:
    small = replace(FULL, steady_s=0.0, probes=25, probe_interval_ms=200.0, switches=Switches())

    found = remaining_s(small, FILLED, Present("steady", 2.0, 60_001, 60_025))

    assert found == pytest.approx(3 + 45 + 150 + 5 + 30)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (3.0, "less than 1 min left"),
        (50.0, "about 1 min left"),
        (100.0, "about 2 min left"),
        (611.0, "about 10 min left"),
    ],
)
def test_remaining_time_is_told_in_whole_minutes(seconds: float | None, words: str) -> None:
    assert told(seconds) == words
