"""Loss of power: the order of acknowledgements and syncs, and what images at cuts still hold."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.storage.durability.disk import LOOSE, Disk, Image
from tests.storage.durability.journal import ImpossibleError, Journal
from tests.storage.durability.oracle import Promise
from tests.storage.durability.recording import Recording, record
from tests.storage.durability.subjects import SUBJECTS, Subject

WRITE_ON_EACH = 10
"""Every so many images are written to, and opened again."""


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

    def __init__(
        self, recording: Recording, folder: Path, subject: Subject = SUBJECTS["etcd3"]
    ) -> None:
        self._recording = recording
        self._folder = folder
        self._subject = subject
        self.journal = Journal()
        self.journal.feed(line for _, line in recording.lines)
        if self.journal.pending:
            raise ValueError("the recorded writer did not come to its end")

    @classmethod
    def record(
        cls,
        folder: Path,
        *,
        writes: int,
        seed: int,
        sync: bool = True,
        subject: Subject = SUBJECTS["etcd3"],
    ) -> PowerLoss:
        """Record a writer below ``folder``; images are made there, too."""
        recording = record(folder, writes=writes, seed=seed, sync=sync, store=subject.name)
        return cls(recording, folder, subject)

    def acknowledgements_are_covered(self) -> int:
        """Check that each acknowledgement waited for its sync; return how many there are.

        Raises ImpossibleError.
        """
        return self._subject.acknowledgements_are_covered(self._recording, self.journal)

    def openings_are_synced(self) -> int:
        """Check that each opening syncs what it found before it shows it; return how many did.

        Raises ImpossibleError.
        """
        return self._subject.openings_are_synced(self._recording)

    def cut(self, cuts: int, seed: int) -> Cuts:
        """Cut the power at random places, and check each image. Raises ImpossibleError."""
        random = Random(seed)
        ops, done = self._recording.ops, Cuts()
        edges = [place for op in ops for place in (op.enter, op.leave)]
        places = sorted(random.choice(edges) + random.randint(0, 1) for _ in range(cuts))
        said, lines = Journal(), deque(self._recording.lines)
        disk, waiting = Disk(), iter(ops)
        following = next(waiting, None)
        judge = self._subject.judge(self.journal)
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
                done.checked += asyncio.run(judge.check(folder, promise, []))
                if done.cuts % WRITE_ON_EACH == 0:
                    asyncio.run(self._goes_on(folder))
            except Exception as error:
                raise ImpossibleError(
                    f"cut at {place}, unsynced writes {loose}: {error}"
                ) from error
            done.cuts += 1
            done.loose[loose] += 1
        return done

    async def _goes_on(self, folder: Path) -> None:
        await self._subject.goes_on(folder)

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
