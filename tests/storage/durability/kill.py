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
from tests.storage.durability.load import CALLERS
from tests.storage.durability.oracle import Promise
from tests.storage.durability.subjects import SUBJECTS, Loading, Subject

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

    def __init__(self, folder: Path, seed: int, subject: Subject = SUBJECTS["etcd3"]) -> None:
        self._subject = subject
        self._folder = folder
        self._seed = seed
        self._random = Random(seed)
        self._journal = Journal()
        self._judge = subject.judge(self._journal)
        self.done = Killed()

    def round(self) -> None:
        """Run one round. Raises ImpossibleError where a promise is broken."""
        phase = self._random.choice(self._subject.phases)
        opened = self._journal.opened
        self._write_and_kill(phase)
        if self._journal.opened == opened:
            phase = "opening"
        elif phase == "opening":  # it was quicker
            phase = "writing"
        pending = self._journal.end_of_process()
        journal, known = self._journal, len(self._journal.history)
        promise = Promise(journal.acknowledged, journal.compacted, journal.compacting)
        self.done.checked += asyncio.run(self._judge.check(self._folder, promise, pending))
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
            seed = f"{self._seed}/{number}"
            first = (number + 1) * CALLERS
            load = self._subject.load(self._folder, writing, seed, first_writer=first, writes=0)
            _child(load)
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


def _child(load: Loading) -> None:
    """Write until killed; never return into the parent's code."""
    try:
        asyncio.run(load.run())
    finally:
        os._exit(1)
