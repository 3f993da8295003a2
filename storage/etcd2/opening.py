"""How an engine is put together."""

from __future__ import annotations

from pathlib import Path

from storage.clock import Clock
from storage.engine.committer import InlineCommitter
from storage.errors import StoreOpenError
from storage.etcd2.engine import EngineParts, Etcd2Engine
from storage.etcd2.journal.memory import MemoryJournal


def etcd2_engine(
    data_dir: Path | None, *, clock: Clock, sync: bool = True, inline_commits: bool = False
) -> Etcd2Engine:
    """Return an engine that is not open yet, on a data directory of etcd's, or in memory (None).

    ``sync`` False: groups are not flushed to the disk; ``inline_commits``: they are written on the
    loop, for tests and virtual time.
    """
    if data_dir is None:
        return Etcd2Engine(EngineParts(MemoryJournal(), InlineCommitter(clock), clock))
    raise StoreOpenError("not yet")
