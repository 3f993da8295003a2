"""Faults planted into a real API server are found by the history of a real run, and void it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.interface import VOID
from bench.results import Results, Status
from cluster.apiserver.faults import DOUBLE_EVENT, LOSE_EVENT, LOSE_WRITE, STALE_READ

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SMALL = ["--nodes", "3", "--pods", "40", "--probes", "1", "--store", "memory"]
FOUND = {
    LOSE_EVENT: "watch-gap-free",
    DOUBLE_EVENT: "watch-unique",
    STALE_READ: "read-in-time",
    LOSE_WRITE: "write-stored",
}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("fault", "rule"), FOUND.items())
def test_a_planted_fault_is_found_and_voids_the_run(tmp_path: Path, fault: str, rule: str) -> None:
    code = main(["run", *SMALL, "--out", str(tmp_path / "run"), "--fault", fault])

    results = Results.read(tmp_path / "run")
    assert results.history is not None
    assert rule in results.history.violations
    assert (code, results.verdict.status) == (VOID, Status.VOID)
    assert any(reason.startswith(f"history, {rule}: ") for reason in results.verdict.reasons)
