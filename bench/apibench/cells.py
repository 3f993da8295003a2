"""The cells: what is measured, each by a name of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DISTINCT: Final = "distinct specs"
"""Ends the name of a cell whose pods have a spec each."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is to be measured."""

    operation: str
    """A name in ``operations.registry``, or ``fanout``, ``fanout-node``, ``big-list``."""
    codec: str
    connections: int
    duration_s: float = 5.0
    count: int = 0
    rate: float = 0.0
    pods: int = 0
    watchers: int = 0
    write: str = ""
    """Of a fan-out: the operation of its writers."""
    distinct: bool = False
    """Every pod's spec is like no other's, instead of one for all."""

    @property
    def name(self) -> str:
        """Return its name."""
        parts = [self.operation, self.codec, f"c{self.connections}"]
        if self.watchers:
            parts[2] = f"{self.watchers}w {self.connections} writers"
        if self.write:
            parts.append(self.write)
        if self.rate:
            parts.append(f"{self.rate:g}/s")
        if self.distinct:
            parts.append(DISTINCT)
        return " ".join(parts)
