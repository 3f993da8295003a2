"""Rounds of tiny sizes, as the tests play them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.generations.orchestration import Rounds
from bench.generations.results import Reading
from bench.generations.settings import QUICK
from storage.clock import SystemClock


def quick_rounds(
    directory: Path,
    *,
    rows: str,
    rounds: int,
    subjects: Sequence[str],
    readings: Sequence[Reading] = (),
) -> Rounds:
    """Return rounds that nobody has played yet, but for ``readings``."""
    return Rounds(
        directory=directory,
        clock=SystemClock(),
        rows=rows,
        rounds=rounds,
        seed=0,
        sizes=QUICK,
        subjects=subjects,
        command="kubedyno generations",
        etcd_version="3.4.23",
        readings=list(readings),
    )
