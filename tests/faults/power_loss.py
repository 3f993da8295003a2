"""Loss of power: the system calls of the process that holds the data are recorded (strace).

At any point every image that unsynced writes could leave must open, at a revision that is no older
than any that anybody had been told by then, and show exactly the state of that revision. What was
told is, in process, what the load reports; served, every answer on a socket: in the header of each
message the revision, or the index. Half of the cuts are made right behind such a message, with all
that no sync had covered gone: so no answer can have come before the sync that covers it.
"""

from __future__ import annotations

import shutil
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Final

from tests.faults.answers import Sockets
from tests.faults.oracle import Oracle
from tests.faults.outcome import Outcome
from tests.faults.processes import LoadProcess, ServedProcess
from tests.faults.records import Acknowledged, Ending, Entry, Item, Reached, Told, decode
from tests.faults.rules import Violation
from tests.faults.subjects import Subject, ending_of
from tests.storage.durability import strace
from tests.storage.durability.disk import LOOSE, Disk, Image
from tests.storage.durability.recording import Op, Recording

SENDS: Final = ",sendto,sendmsg"
SLOW: Final = "inject=fdatasync,fsync:delay_exit=300"
"""Syncs that return late: an answer that does not wait for its own is seen."""

WRITES: Final = 250
"""Acknowledged in each of two openings."""

CUTS: Final = 25
"""A round."""

CUTS_LARGE: Final = 5
"""The same where the files are large: etcd 2 takes the room of a segment at its beginning."""

ZEROS: Final = bytes(1 << 16)
State = dict[bytes, Item]


def why_not(subject: Subject) -> str:
    """Say why it is not played to a subject; empty where it is."""
    return strace.missing() if subject.durable else "it writes nothing to a disk"


def play(subject: Subject, chance: Random, folder: Path, rounds: int) -> Outcome:
    """Record once, and cut the power ``rounds`` times ``CUTS``."""
    recorded = Recorded(subject, folder, f"{chance.random()}")
    found = recorded.oracle.judge(recorded.entries, recorded.ending)
    cuts = recorded.cuts(chance, rounds * (CUTS_LARGE if subject.engine == "etcd2" else CUTS))
    return Outcome.of(recorded.oracle, rounds, [*found, *cuts])


class Recorded:
    """A load, what its data went through, and when who was told what."""

    def __init__(self, subject: Subject, folder: Path, seed: str, *, sync: bool = True) -> None:
        self.subject = subject
        self.oracle = Oracle(ends=subject.ends)
        self.entries: list[Entry] = []
        self.recording = Recording(str(folder / "data"))
        self._folder = folder
        self._told: list[tuple[int, int]] = []
        """(place, the highest revision that anybody had been told there)"""
        traces = self._play(seed, sync=sync)
        sockets = Sockets(subject.api)
        said: list[tuple[int, int]] = []
        for call in strace.calls(traces):
            said += sockets.take(call)
            self.recording.take(call)
        if not subject.api:
            said = [
                (place, entry.revision)
                for place, entry in ((at, decode(line)) for at, line in self.recording.lines)
                if isinstance(entry, Acknowledged | Reached)
            ]
        if len(said) < WRITES:
            raise strace.StraceError(f"only {len(said)} answers were recorded")
        highest = accumulate((revision for _, revision in said), max)
        self._told = list(zip((place for place, _ in said), highest, strict=True))
        self._truth = Truth(self.entries)
        self.ending = ending_of(subject.engine, folder / "data")

    def _play(self, seed: str, *, sync: bool) -> Path:
        trace = self._folder / "trace"
        calls = strace.CALLS + SENDS
        prefix = ["strace", "-f", "-v", "-xx", "-s", "100000000", "-o", str(trace)]
        prefix += ["-e", f"trace={calls}", "-e", SLOW]
        subject = self.subject
        if not subject.api:
            with LoadProcess(subject.engine, self._folder, self.entries) as load:
                more = ["--writes", str(WRITES), *([] if sync else ["--no-sync"])]
                load.start(seed, prefix=prefix, more=more)
                load.finish()
            return trace
        with (
            ServedProcess(self._folder, subject.engine, subject.api) as served,
            LoadProcess(served.url, self._folder, self.entries) as load,
        ):
            served.start(prefix=prefix, sync=sync)
            load.start(seed)
            load.wait_open()
            load.wait_acknowledged(2 * WRITES)
            load.finish()
            served.stop()
        return trace

    def without(self, kind: str) -> None:
        """Forget all operations of one kind: what must be found out."""
        self.recording = self.recording.without(kind)

    def cuts(self, chance: Random, count: int, *, kinds: Sequence[str] = LOOSE) -> list[Violation]:
        """Cut the power, unsynced writes left in one of ``kinds``; return what was broken."""
        ops = self.recording.ops
        edges = [place for op in ops for place in (op.enter, op.leave)]
        plan = [
            (chance.choice(self._told)[0] + 1, "dropped")
            if chance.random() < 0.5
            else (chance.choice(edges) + chance.randint(0, 1), chance.choice(kinds))
            for _ in range(count)
        ]
        disk, taken = Disk(), 0
        found: list[Violation] = []
        for place, loose in sorted(plan):
            taken = _pass(disk, ops, taken, place)
            folder = self._lay_out(disk.image(place, loose, chance))
            found += self._judge(folder, place, loose)
        return found

    def _judge(self, folder: Path, place: int, loose: str) -> list[Violation]:
        before = bisect_left(self._told, (place, 0))
        promised = self._told[before - 1][1] if before else 0
        cut = f"cut at {place}, unsynced writes {loose}"
        try:
            left = ending_of(self.subject.engine, folder)
        except Exception as error:  # noqa: BLE001  # whatever it is, it does not open
            return [Violation("lost", f"{cut}: {error!r}")]
        if left.revision < promised:
            return [Violation("lost", f"{cut}: it is at {left.revision}, {promised} was told")]
        wrong = self._truth.differences(left)
        return [Violation("lost", f"{cut}: at {left.revision} {each}") for each in wrong]

    def _lay_out(self, image: Image) -> Path:
        root = self._folder / "image"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        below = len(self.recording.root)
        for directory in image.directories:
            (root / ("data" + directory[below:])).mkdir(parents=True, exist_ok=True)
        for path, content in image.files.items():
            target = root / ("data" + path[below:])
            if target.parent.is_dir():
                _write_sparsely(target, content)
        return root / "data"


class Truth:
    """The states that a load went through, by what one watch of all was told."""

    def __init__(self, entries: Sequence[Entry], story: str = "all") -> None:
        self._changes = [e for e in entries if isinstance(e, Told) and e.story == story]

    def at(self, revision: int) -> State:
        """Return the state of a revision."""
        state: State = {}
        for change in self._changes:
            if change.revision > revision:
                break
            if change.value is None:
                state.pop(change.key, None)
            else:
                state[change.key] = Item(change.value, change.revision)
        return state

    def differences(self, left: Ending) -> list[str]:
        """Return in which keys what is left is not the state of its revision."""
        state = self.at(left.revision)
        return [
            f"{key!r} is {left.items.get(key)}, was {state.get(key)}"
            for key in sorted(state.keys() | left.items.keys())
            if state.get(key) != left.items.get(key)
        ]


def _write_sparsely(path: Path, content: bytes) -> None:
    """Write a file; of zeros at its end, which may be megabytes, only the length."""
    end = len(content)
    while end >= len(ZEROS) and content[end - len(ZEROS) : end] == ZEROS:
        end -= len(ZEROS)
    with path.open("wb") as file:
        file.write(memoryview(content)[:end])
        file.truncate(len(content))


def _pass(disk: Disk, ops: Sequence[Op], taken: int, place: int) -> int:
    """Let a disk take what began before a place; return how many operations it has taken."""
    while taken < len(ops) and ops[taken].enter < place:
        disk.pass_to(ops[taken].enter)
        disk.take(ops[taken])
        taken += 1
    disk.pass_to(place)
    return taken
