"""How an engine is put together."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from storage.clock import Clock
from storage.engine.committer import Committer, InlineCommitter, ThreadCommitter
from storage.engine.staging import Staging
from storage.etcd2.engine import EngineParts, Etcd2Engine
from storage.etcd2.journal.files import FileJournal
from storage.etcd2.journal.log import SEGMENT_BYTES
from storage.etcd2.journal.memory import MemoryJournal
from storage.etcd2.journal.snapshotting import SNAPSHOT_EACH

PAUSE_S: Final = 0.0005
"""How long the writing of a snapshot lets the interpreter go, after each piece."""


def etcd2_engine(
    data_dir: Path | None,
    *,
    clock: Clock,
    sync: bool = True,
    inline_commits: bool = False,
    snapshot_each: int = SNAPSHOT_EACH,
    segment_bytes: int = SEGMENT_BYTES,
) -> Etcd2Engine:
    """Return an engine that is not open yet, on a data directory of etcd's, or in memory (None).

    ``sync`` False: groups are not flushed to the disk; ``inline_commits``: they are written on the
    loop, for tests and virtual time. A snapshot is taken after every ``snapshot_each`` requests,
    and a segment of the log gets about ``segment_bytes`` long.
    """
    if data_dir is None:
        return Etcd2Engine(EngineParts(MemoryJournal(), InlineCommitter(clock), clock))
    staging = Staging()
    journal = FileJournal(
        data_dir,
        sync=sync,
        staging=staging,
        segment_bytes=segment_bytes,
        pause=None if inline_commits else _let_go,
    )
    committer: Committer = ThreadCommitter(clock, staging)
    background: Committer = ThreadCommitter(clock, _Unstaged())
    if inline_commits:
        committer, background = InlineCommitter(clock), InlineCommitter(clock)
    return Etcd2Engine(EngineParts(journal, committer, clock, journal, background, snapshot_each))


class _Unstaged(Staging):
    """The loop does not stand aside."""

    __slots__ = ()

    def wait(self) -> None:
        """Go on at once."""


def _let_go() -> None:
    """Stand aside for a moment: for the loop, in the thread that writes a snapshot."""
    threading.Event().wait(PAUSE_S)
