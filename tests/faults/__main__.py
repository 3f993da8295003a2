"""Play the fault suite: python -m tests.faults [--rounds N] [--seed S] [--subject ..] [--fault ..].

Prints a line a cell; ends with 1 where a promise was broken. A scenario that could not be played
counts as broken.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from typing import Final

from storage.clock import SystemClock
from tests.faults.outcome import Outcome
from tests.faults.registry import FAULTS, Cell, cells
from tests.faults.rules import Violation
from tests.faults.subjects import SUBJECTS
from tests.storage.durability import strace

SHOWN: Final = 5
HEAD: Final = (
    f"{'cell':<30} {'rounds':>6} {'acknowledged':>12} {'unknown':>8} {'refused':>8} {'told':>8} "
    f"{'seconds':>8} {'violations':>10}"
)


def show(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def play(cell: Cell, rounds: int, seed: int) -> Outcome:
    """Play a cell and print its line."""
    clock = SystemClock()
    start_ns = clock.stamp_ns()
    try:
        outcome = cell.play(rounds, seed)
    except Exception:  # noqa: BLE001  # whatever it is, the other cells are played
        outcome = Outcome(violations=[Violation("stuck", traceback.format_exc())])
    took_s = (clock.stamp_ns() - start_ns) / 1e9
    show(
        f"{cell.name:<30} {outcome.rounds:>6} {outcome.acknowledged:>12} {outcome.unknown:>8} "
        f"{outcome.refused:>8} {outcome.told:>8} {took_s:>8.1f} {len(outcome.violations):>10}"
    )
    for violation in outcome.violations[:SHOWN]:
        show(f"    {violation}")
    return outcome


def main() -> int:
    """Play what is asked for; 1 says that a promise was broken."""
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, help="of each cell; else as many as each fault has")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--subject", action="append", choices=sorted(SUBJECTS))
    parser.add_argument("--fault", action="append", choices=sorted(FAULTS))
    arguments = parser.parse_args()
    total, skipped = Outcome(), []
    show(HEAD)
    for cell in cells():
        if cell.subject.name not in (arguments.subject or SUBJECTS):
            continue
        if cell.fault.name not in (arguments.fault or FAULTS):
            continue
        if reason := cell.why_not():
            skipped.append(f"{cell.name}: {reason}")
            continue
        total.add(play(cell, arguments.rounds or cell.fault.full, arguments.seed))
    for each in skipped:
        show(f"not played: {each}")
    show(
        f"{total.rounds} rounds, {total.acknowledged} writes acknowledged, {total.unknown} of "
        f"unknown outcome, {total.refused} refused, {total.told} changes told by watches, "
        f"{len(total.violations)} violations (seed {arguments.seed})"
    )
    unplayable = strace.missing() if os.environ.get("CI") == "true" else ""
    if unplayable:
        show(f"what needs strace was not played, which fails in CI: {unplayable}")
    return 1 if total.violations or unplayable else 0


if __name__ == "__main__":
    sys.exit(main())
