"""Every cell of the suite in its short form; ``python -m tests.faults`` plays the full one."""

from __future__ import annotations

import os

import pytest

from tests.faults.registry import Cell, cells
from tests.storage.durability import strace

SEED = 1
CELLS = [
    pytest.param(cell, id=cell.name)
    for cell in cells()
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


def test_cells_that_are_not_played_say_why() -> None:
    silent = {cell.name: cell.why_not() for cell in cells() if cell.why_not()}

    assert {name.partition("/")[0] for name in silent} <= {
        *("memory", "memory-v3", "etcd3", "etcd2", "etcd2-v2"),
    }
    assert len(CELLS) + len(silent) >= len(list(cells()))
