"""Process death: the writer is killed at random points, again and again over one directory."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.storage.durability.journal import ImpossibleError, Journal
from tests.storage.durability.load import CALLERS, Load
from tests.storage.durability.oracle import Oracle, Promise

PHASES = ("opening", "writing", "writing", "compacting")
READ_BYTES = 1 << 16


@dataclass
class Killed:
    """What was done and checked."""

    rounds: int = 0
    acknowledged: int = 0
    found: int = 0
    """Writes in flight that turned out to have happened."""
    checked: int = 0
    """Changes that openings replayed, held against the history one by one."""
    phases: Counter[str] = field(default_factory=Counter)


class KillRounds:
    """Rounds over one data directory; each forks a writer, kills it, and checks what is there."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._seed = seed
        self._random = Random(seed)
        self._journal = Journal()
        self._oracle = Oracle(self._journal)
        self.done = Killed()

    def round(self) -> None:
        """Run one round. Raises ImpossibleError where a promise is broken."""
        phase = self._random.choice(PHASES)
        opened = self._journal.opened
        self._write_and_kill(phase)
        if self._journal.opened == opened:
            phase = "opening"
        elif phase == "opening":  # it was quicker
            phase = "writing"
        pending = self._journal.end_of_process()
        journal, known = self._journal, len(self._journal.history)
        promise = Promise(journal.acknowledged, journal.compacted, journal.compacting)
        self.done.checked += asyncio.run(self._oracle.check(self._folder, promise, pending))
        # What was found once must stay: the next opening may not lose it.
        journal.acknowledged = max(journal.history, default=1)
        self.done.found += len(journal.history) - known
        self.done.acknowledged = journal.writes
        self.done.rounds += 1
        self.done.phases[phase] += 1

    def _write_and_kill(self, phase: str) -> None:
        reading, writing = os.pipe()
        number = self.done.rounds
        child = os.fork()
        if child == 0:
            os.close(reading)
            _child(self._folder, writing, f"{self._seed}/{number}", (number + 1) * CALLERS)
        os.close(writing)
        try:
            rest = self._wait(reading, phase)
        finally:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        while chunk := os.read(reading, READ_BYTES):
            rest += chunk
        os.close(reading)
        self._feed(rest)
        if os.WIFEXITED(status):
            raise ImpossibleError(f"the writer ended by itself: exit {os.WEXITSTATUS(status)}")

    def _wait(self, pipe: int, phase: str) -> bytes:
        """Read until the point of the kill; return the last line if it is not whole."""
        random = self._random
        if phase == "opening":
            select.select([pipe], [], [], random.uniform(0.0, 0.01))
            return b""
        goal = self._journal.writes + random.randint(1, 1200)
        compacting = random.choice((b"c ", b"C ")) if phase == "compacting" else None
        rest = b""
        while chunk := os.read(pipe, READ_BYTES):
            lines = (rest + chunk).splitlines(keepends=True)
            rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
            self._journal.feed(lines)
            if compacting is None and self._journal.writes >= goal:
                break
            if compacting is not None and any(line.startswith(compacting) for line in lines):
                break
        # A fraction of a commit, or of a page of removal: a few milliseconds.
        select.select([], [], [], random.uniform(0.0, 0.003))
        return rest

    def _feed(self, told: bytes) -> None:
        self._journal.feed(line for line in told.splitlines(keepends=True) if line.endswith(b"\n"))


def _child(folder: Path, pipe: int, seed: str, first_writer: int) -> None:
    """Write until killed; never return into the parent's code."""
    try:
        load = Load(folder, pipe, seed, first_writer=first_writer, writes=0)
        asyncio.run(load.run())
    finally:
        os._exit(1)
