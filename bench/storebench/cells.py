"""The cells: what is measured, each by a name of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.storebench.operations import IDLE

QUORUM: Final = " quorum"
"""In the name of a cell whose reads are ordered with the writes."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is to be measured."""

    driver: str
    """A name in ``drivers.registry``."""
    server: str
    """A name in ``servers.SERVERS``, of an engine in process, or a URL."""
    operation: str
    clients: int
    value_bytes: int = 1144
    keys: int = 10_000
    duration_s: float = 5.0
    rate: float = 0.0
    read_share: float = 0.8
    watchers: int = 0
    """Of a watch: over all keys; of idle watches: how many."""
    streams: int = 1
    """Of idle watches; 0: there are none, or a connection a watch."""
    processes: int = 1
    connections: int = 0
    polls: bool = False
    quorum: bool = False
    """As ``drivers.interface.Spot`` says, all three."""
    told: tuple[str, ...] = ()
    """What else its name tells, where cells differ in nothing else: ``4096B``, ``100 keys``."""

    @property
    def name(self) -> str:
        """Return its name."""
        operation = f"{self.operation}{QUORUM if self.quorum else ''}"
        parts = [self.server, operation, f"c{self.clients}"]
        if self.operation == IDLE:
            where = f" on {self.streams} streams" if self.streams else ""
            parts = [self.server, self.operation, f"{self.watchers}{where}"]
        elif self.watchers:
            parts[2] = f"{self.watchers}w{' by polls' if self.polls else ''}"
        if self.rate:
            parts.append(f"{self.rate:g}/s")
        return " ".join((*parts, *self.told))
