"""How an engine is put together."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from storage.clock import Clock
from storage.engine.committer import InlineCommitter, ThreadCommitter
from storage.engine.staging import Staging
from storage.etcd2.engine import EngineParts, Etcd2Engine
from storage.etcd2.journal.files import FileJournal
from storage.etcd2.journal.memory import MemoryJournal

PAUSE_S: Final = 0.0005
"""How long the writing of a snapshot lets the interpreter go, after each piece."""


def etcd2_engine(
    data_dir: Path | None, *, clock: Clock, sync: bool = True, inline_commits: bool = False
) -> Etcd2Engine:
    """Return an engine that is not open yet, on a data directory of etcd's, or in memory (None).

    ``sync`` False: groups are not flushed to the disk; ``inline_commits``: they are written on the
    loop, for tests and virtual time.
    """
    if data_dir is None:
        return Etcd2Engine(EngineParts(MemoryJournal(), InlineCommitter(clock), clock))
    if inline_commits:
        journal = FileJournal(data_dir, sync=sync)
        committer = InlineCommitter(clock)
        parts = EngineParts(journal, committer, clock, journal, InlineCommitter(clock))
        return Etcd2Engine(parts)
    staging = Staging()
    journal = FileJournal(data_dir, sync=sync, staging=staging, pause=_let_go)
    committers = ThreadCommitter(clock, staging), ThreadCommitter(clock, _Unstaged())
    return Etcd2Engine(EngineParts(journal, committers[0], clock, journal, committers[1]))


class _Unstaged(Staging):
    """The loop does not stand aside."""

    __slots__ = ()

    def wait(self) -> None:
        """Go on at once."""


def _let_go() -> None:
    """Stand aside for a moment: for the loop, in the thread that writes a snapshot."""
    threading.Event().wait(PAUSE_S)
