"""Every fault that is played: one line each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from tests.faults import (
    clock_steps,
    full_disk,
    power_loss,
    process_death,
    slow_disk,
    torn_connections,
)
from tests.faults.outcome import Outcome
from tests.faults.subjects import SUBJECTS, Subject


class Fault(NamedTuple):
    """A fault: to whom it is played, and how."""

    name: str
    why_not: Callable[[Subject], str]
    """Says why it is not played to a subject; empty where it is."""
    play: Callable[[Subject, Random, Path, int], Outcome]
    """Plays rounds of it in a directory, and judges them."""
    short: int
    """Rounds in the suite of every day."""
    full: int
    """Rounds by default of the command."""


FAULTS: Final = {
    fault.name: fault
    for fault in (
        Fault("process-death", process_death.why_not, process_death.play, 2, 40),
        Fault("full-disk", full_disk.why_not, full_disk.play, 1, 8),
        Fault("slow-disk", slow_disk.why_not, slow_disk.play, 1, 6),
        Fault("power-loss", power_loss.why_not, power_loss.play, 1, 20),
        Fault("clock-steps", clock_steps.why_not, clock_steps.play, 1, 5),
        Fault("torn-connections", torn_connections.why_not, torn_connections.play, 1, 24),
    )
}


class Cell(NamedTuple):
    """A fault, played to a subject."""

    subject: Subject
    fault: Fault

    @property
    def name(self) -> str:
        """As it is called in reports."""
        return f"{self.subject.name}/{self.fault.name}"

    def why_not(self) -> str:
        """Say why it cannot be played; empty where it can."""
        return self.subject.missing() or self.fault.why_not(self.subject)

    def play(self, rounds: int, seed: int) -> Outcome:
        """Play it; the same seed makes the same choices."""
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            return self.fault.play(
                self.subject, Random(f"{seed}/{self.name}"), Path(folder), rounds
            )


def cells() -> Iterator[Cell]:
    """Yield every pair of a subject and a fault."""
    for fault in FAULTS.values():
        for subject in SUBJECTS.values():
            yield Cell(subject, fault)
