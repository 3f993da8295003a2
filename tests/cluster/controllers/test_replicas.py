"""Victim order and slow start, by table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.client.interface import ObjectKey
from cluster.controllers.replicas import PodFacts, slow_start, victims

GOOD = PodFacts(
    key=ObjectKey("ns", "p"),
    uid="u",
    resource_version="1",
    active=True,
    assigned=True,
    phase="Running",
    ready=True,
    ready_since_s=100,
    restarts=0,
    created_s=100,
)


@pytest.mark.parametrize(
    "worse",
    [
        GOOD._replace(assigned=False, created_s=0),
        GOOD._replace(phase="Pending"),
        GOOD._replace(phase="Unknown"),
        GOOD._replace(ready=False, ready_since_s=0),
        GOOD._replace(ready_since_s=200),
        GOOD._replace(restarts=1),
        GOOD._replace(created_s=200),
    ],
)
def test_victims_are_the_pods_lost_least(worse: PodFacts) -> None:
    assert victims([GOOD, worse], 1) == [worse]
    assert victims([worse, GOOD], 1) == [worse]


def test_victims_go_by_assignment_before_phase_before_readiness() -> None:
    unassigned = GOOD._replace(assigned=False)
    pending = GOOD._replace(phase="Pending", ready=True)
    unready = GOOD._replace(ready=False)

    assert victims([GOOD, unready, pending, unassigned], 3) == [unassigned, pending, unready]


@given(st.integers(0, 2000))
def test_slow_start_doubles_and_adds_up(total: int) -> None:
    batches = list(slow_start(total))

    assert sum(batches) == total
    assert batches[:-1] == [2**n for n in range(len(batches) - 1)]
