"""Holds a recording's writes and syncs of LMDB's file against what was acknowledged."""

from __future__ import annotations

from typing import NamedTuple

from storage.etcd3.backend import FILE_NAME
from storage.etcd3.rows import encode_rows
from storage.records import Change
from tests.storage.durability.journal import ImpossibleError, Journal
from tests.storage.durability.recording import Recording

NEVER = 1 << 62
"""A place after every call."""


class Commit(NamedTuple):
    """One commit of LMDB."""

    pages: bytes
    durable: int
    """The place at which its meta page was durable, if its pages were before; else NEVER."""


def acknowledgements_are_covered(recording: Recording, journal: Journal) -> int:
    """Check each acknowledgement of a write; return how many there are.

    All rows of its revision were written in one commit, the file was then synced, the meta page
    that makes the rows findable was then written through O_DSYNC, and only after that write had
    returned did the acknowledgement begin. Raises ImpossibleError.
    """
    told = {int(line.split()[3]): at for at, line in recording.lines if line[:1] == b"!"}
    rows, commits = _rows(journal), _commits(recording)
    place = 0
    for revision in sorted(told):
        first, *others = rows[revision]
        while place < len(commits) and first not in commits[place].pages:
            place += 1
        if place == len(commits):
            raise ImpossibleError(f"revision {revision} was never written")
        if any(row not in commits[place].pages for row in others):
            raise ImpossibleError(f"revision {revision} was torn apart")
        if commits[place].durable >= told[revision]:
            raise ImpossibleError(f"revision {revision} was told before its sync returned")
    return len(told)


def openings_are_synced(recording: Recording) -> int:
    """Check that each opening syncs what it found before it shows it; return how many did.

    It may have been left by a process that was killed within its last sync. The first opening
    finds nothing. Raises ImpossibleError.
    """
    file = recording.file_at(FILE_NAME)
    ours = [op for op in recording.ops if op.file == file]
    entries = [op for op in recording.ops if op.kind == "syncdir"]
    opened = [at for at, line in recording.lines if line[:1] == b"o"]
    for place in opened[1:]:
        found = max(op.leave for op in ours if op.kind == "write" and op.leave < place)
        if not any(op.kind == "sync" and found < op.enter < op.leave < place for op in ours):
            raise ImpossibleError("an opening showed what it had not synced")
        if not any(found < op.enter < op.leave < place for op in entries):
            raise ImpossibleError("an opening had not synced its directory's entries")
    return len(opened) - 1


def _commits(recording: Recording) -> list[Commit]:
    """Return LMDB's commits: pages, a sync that began behind them, a meta page behind it."""
    file = recording.file_at(FILE_NAME)
    commits: list[Commit] = []
    pages: list[bytes] = []
    written = synced = 0
    for op in recording.ops:
        if op.file != file:
            continue
        if op.kind == "write" and not op.through:
            pages.append(op.payload)
            written = max(written, op.leave)
            synced = NEVER
        elif op.kind == "sync" and op.enter > written:
            synced = min(synced, op.leave)
        elif op.kind == "write":
            durable = op.leave if op.enter > synced else NEVER
            commits.append(Commit(b"|".join(pages), durable))
            pages = []
    return commits


def _rows(journal: Journal) -> dict[int, list[bytes]]:
    """Return the rows of each revision, as they must stand in the file."""
    rows: dict[int, list[bytes]] = {}
    alive: dict[bytes, tuple[int, int]] = {}
    for revision, write in sorted(journal.history.items()):
        changes: list[Change] = []
        for key, value in write.writes:
            created, version = alive.get(key, (revision, 0))
            alive[key] = (created, version + 1)
            if value is None:
                del alive[key]
                version = -1
            changes.append(Change(key, value, revision, created, None, version + 1))
        rows[revision] = [row for _, row in encode_rows(changes, {})]
    return rows
