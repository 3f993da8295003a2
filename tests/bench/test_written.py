"""How many writes there were between two marks, also where several shared a revision."""

from __future__ import annotations

import pytest

from bench.measurements.written import written
from bench.scenarios.stage import Mark


def mark(revision: int, **shared: float) -> Mark:
    counters = {name: {"store_shared_writes": count} for name, count in shared.items()}
    return Mark(0, {}, revision, "", counters)


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (mark(5), mark(25), 20),
        (mark(5, apiserver=2), mark(25, apiserver=32), 50),
        (mark(5), mark(25, apiserver=30), 50),
        (mark(5, one=0, two=1), mark(25, one=10, two=21), 50),
        (mark(0), mark(25), None),
        (mark(5), mark(0), None),
    ],
)
def test_writes_are_revisions_and_those_that_shared_one(
    begin: Mark, end: Mark, expected: int | None
) -> None:
    assert written(begin, end) == expected
