"""Every cell of the suite in its short form; ``python -m tests.faults`` plays the full one."""

from __future__ import annotations

import os

import pytest

from tests.faults.registry import FAULTS, Cell, cells
from tests.storage.durability import strace

SEED = 1
CELLS = [
    pytest.param(cell, id=cell.name)
    for cell in cells()
    if not cell.subject.full_only
    if not cell.why_not() or cell.why_not() == strace.missing()
]


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_fault_breaks_no_promise(cell: Cell) -> None:
    if reason := cell.why_not():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)

    outcome = cell.play(cell.fault.short, SEED)

    assert [str(each) for each in outcome.violations] == []
    assert outcome.rounds >= cell.fault.short
    assert outcome.acknowledged > 10


def test_every_fault_is_played_to_a_subject_in_process_and_a_served_one() -> None:
    played = [cell for cell in cells() if cell.why_not() in ("", strace.missing())]

    for name, fault in FAULTS.items():
        subjects = [cell.subject for cell in played if cell.fault is fault]
        assert {each.api for each in subjects} >= {2, 3}, name
        assert name == "torn-connections" or any(not each.api for each in subjects)
