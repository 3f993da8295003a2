"""Loss of power: the order of acknowledgements and syncs, and what images at cuts still hold."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from storage.etcd3.backend import FILE_NAME
from storage.etcd3.rows import encode_rows
from storage.records import Change
from tests.storage.durability.disk import LOOSE, Disk, Image
from tests.storage.durability.journal import ImpossibleError, Journal
from tests.storage.durability.oracle import Oracle, Promise, goes_on
from tests.storage.durability.recording import Recording, record

WRITE_ON_EACH = 10
"""Every so many images are written to, and opened again."""

NEVER = 1 << 62
"""A place after every call."""


class Commit(NamedTuple):
    """One commit of LMDB."""

    pages: bytes
    durable: int
    """The place at which its meta page was durable, if its pages were before; else NEVER."""


@dataclass
class Cuts:
    """What was done and checked."""

    cuts: int = 0
    checked: int = 0
    """Changes that openings replayed, held against the history one by one."""
    loose: Counter[str] = field(default_factory=Counter)

    def told(self) -> str:
        """Say how often unsynced writes were kept, dropped, or torn."""
        return ", ".join(f"{name} {self.loose[name]}" for name in LOOSE)


class PowerLoss:
    """A recording, and what it proves."""

    def __init__(self, recording: Recording, folder: Path) -> None:
        self._recording = recording
        self._folder = folder
        self._file = recording.file_at(FILE_NAME)
        self.journal = Journal()
        self.journal.feed(line for _, line in recording.lines)
        if self.journal.pending:
            raise ValueError("the recorded writer did not come to its end")

    @classmethod
    def record(cls, folder: Path, *, writes: int, seed: int, sync: bool = True) -> PowerLoss:
        """Record a writer below ``folder``; images are made there, too."""
        return cls(record(folder, writes=writes, seed=seed, sync=sync), folder)

    def acknowledgements_are_covered(self) -> int:
        """Check each acknowledgement of a write; return how many there are.

        All rows of its revision were written in one commit, the file was then synced, the meta page
        that makes the rows findable was then written through O_DSYNC, and only after that write had
        returned did the acknowledgement begin. Raises ImpossibleError.
        """
        told = {int(line.split()[3]): at for at, line in self._recording.lines if line[:1] == b"!"}
        rows, commits = self._rows(), self._commits()
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

    def openings_are_synced(self) -> int:
        """Check that each opening syncs what it found before it shows it; return how many did.

        It may have been left by a process that was killed within its last sync. The first opening
        finds nothing. Raises ImpossibleError.
        """
        ours = [op for op in self._recording.ops if op.file == self._file]
        entries = [op for op in self._recording.ops if op.kind == "syncdir"]
        opened = [at for at, line in self._recording.lines if line[:1] == b"o"]
        for place in opened[1:]:
            found = max(op.leave for op in ours if op.kind == "write" and op.leave < place)
            if not any(op.kind == "sync" and found < op.enter < op.leave < place for op in ours):
                raise ImpossibleError("an opening showed what it had not synced")
            if not any(found < op.enter < op.leave < place for op in entries):
                raise ImpossibleError("an opening had not synced its directory's entries")
        return len(opened) - 1

    def _commits(self) -> list[Commit]:
        """Return LMDB's commits: pages, a sync that began behind them, a meta page behind it."""
        commits: list[Commit] = []
        pages: list[bytes] = []
        written = synced = 0
        for op in self._recording.ops:
            if op.file != self._file:
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

    def cut(self, cuts: int, seed: int) -> Cuts:
        """Cut the power at random places, and check each image. Raises ImpossibleError."""
        random = Random(seed)
        ops, done = self._recording.ops, Cuts()
        edges = [place for op in ops for place in (op.enter, op.leave)]
        places = sorted(random.choice(edges) + random.randint(0, 1) for _ in range(cuts))
        said, lines = Journal(), deque(self._recording.lines)
        disk, waiting = Disk(), iter(ops)
        following = next(waiting, None)
        oracle = Oracle(self.journal)
        for place in places:
            while following is not None and following.enter < place:
                disk.pass_to(following.enter)
                disk.take(following)
                following = next(waiting, None)
            disk.pass_to(place)
            loose = random.choice(LOOSE)
            folder = self._lay_out(disk.image(place, loose, random))
            while lines and lines[0][0] < place:
                said.feed([lines.popleft()[1]])
            promise = Promise(said.acknowledged, said.compacted, said.compacting)
            try:
                done.checked += asyncio.run(oracle.check(folder, promise, []))
                if done.cuts % WRITE_ON_EACH == 0:
                    asyncio.run(goes_on(folder))
            except Exception as error:
                raise ImpossibleError(
                    f"cut at {place}, unsynced writes {loose}: {error}"
                ) from error
            done.cuts += 1
            done.loose[loose] += 1
        return done

    def _rows(self) -> dict[int, list[bytes]]:
        """Return the rows of each revision, as they must stand in the file."""
        rows: dict[int, list[bytes]] = {}
        alive: dict[bytes, tuple[int, int]] = {}
        for revision, write in sorted(self.journal.history.items()):
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

    def _lay_out(self, image: Image) -> Path:
        root = self._folder / "image"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        below = len(self._recording.root)
        for directory in image.directories:
            (root / ("data" + directory[below:])).mkdir(parents=True, exist_ok=True)
        for path, content in image.files.items():
            target = root / ("data" + path[below:])
            if target.parent.is_dir():
                target.write_bytes(content)
        return root / "data"
