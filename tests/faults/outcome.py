"""What came of one cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from tests.faults.oracle import Oracle
from tests.faults.rules import Violation


@dataclass
class Outcome:
    """Counts, and what was broken."""

    rounds: int = 0
    acknowledged: int = 0
    unknown: int = 0
    refused: int = 0
    told: int = 0
    violations: list[Violation] = field(default_factory=list)

    @classmethod
    def of(cls, oracle: Oracle, rounds: int, violations: list[Violation]) -> Self:
        """Return what an oracle has counted and found."""
        return cls(
            rounds,
            oracle.acknowledged,
            oracle.unknown,
            oracle.refused,
            oracle.told,
            violations,
        )

    def add(self, other: Outcome) -> None:
        """Take another part of the same cell."""
        self.rounds += other.rounds
        self.acknowledged += other.acknowledged
        self.unknown += other.unknown
        self.refused += other.refused
        self.told += other.told
        self.violations += other.violations
