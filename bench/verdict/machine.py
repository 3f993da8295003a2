"""Rules on the machine: whether the run had it for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.results import Status
from bench.verdict.observations import Finding, Observations

SHARE_MAX: Final = 0.1
"""Of all cores' time. A machine that is at its limit does 1 / (1 - share) less: 11 % here, which is
what runs of the same thing on one machine differ by anyway (10 to 15 %)."""
SHARE_VOID: Final = 0.5
"""By the same reckoning everything took twice its time."""
SECONDS_MIN: Final = 5.0
"""Of a phase. Processes' times move in steps of 10 ms and the machine's own chores come in bursts
of tenths of a second: a shorter phase tells more of those than of the load."""


def machine_busy(seen: Observations) -> Iterator[Finding]:
    """Tell of other processes that worked beside."""
    for phase, use in seen.load.machine.items():
        if use.seconds >= SECONDS_MIN and use.others_share > SHARE_MAX:
            yield Finding(
                _status(use.others_share),
                f"other processes took {use.others_cores:.2f} of {use.cores} cores in the {phase} "
                f"phase: {use.others_share:.0%}, allowed {SHARE_MAX:.0%}",
            )


def machine_stolen(seen: Observations) -> Iterator[Finding]:
    """Tell of a hypervisor that gave the cores to others."""
    for phase, use in seen.load.machine.items():
        if use.seconds >= SECONDS_MIN and use.stolen_share > SHARE_MAX:
            yield Finding(
                _status(use.stolen_share),
                f"the hypervisor took {use.stolen_share:.0%} of the cores' time in the {phase} "
                f"phase, allowed {SHARE_MAX:.0%}",
            )


def _status(share: float) -> Status:
    return Status.VOID if share > SHARE_VOID else Status.DEGRADED
