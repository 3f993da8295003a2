"""Stores that break their promises for real, and are found out by the scenarios."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.faults.power_loss import Recorded
from tests.faults.subjects import SUBJECTS
from tests.storage.tracing import need_strace

CUTS = 60


@pytest.mark.slow
@pytest.mark.parametrize("name", ["etcd3", "etcd3-v3"])
def test_store_that_answers_before_its_sync_is_found_out(name: str, tmp_path: Path) -> None:
    need_strace()

    recorded = Recorded(SUBJECTS[name], tmp_path, "1", sync=False)

    # Torn pages of a file that was never synced would end this process.
    found = recorded.cuts(Random(1), CUTS, kinds=["dropped"])

    assert {each.rule for each in found} == {"lost"}
    assert len(found) > CUTS // 2
